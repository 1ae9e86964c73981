"""The tokens of a published vocabulary, line by line."""

from __future__ import annotations

import pytest

from mrisynth.text.wordpieces import VOCABULARY, read_wordpieces

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("last", [True, False])
def test_a_line_is_a_token_whatever_stands_in_it(tmp_path, end, last):
    strange = [f"a{sign}b" for sign in "\u2028\u2029\x85\x0b\x0c\x1c\x1d\x1e"]
    tokens = [*SPECIAL, *strange, "\u2028", "brain"]
    (tmp_path / VOCABULARY).write_bytes((end.join(tokens) + end * last).encode())
    found = read_wordpieces(tmp_path, length=4)
    assert found.numbers == {token: number for number, token in enumerate(tokens)}
    assert found.encode(["brain"]).ids.tolist() == [[2, len(tokens) - 1, 3, 0]]
