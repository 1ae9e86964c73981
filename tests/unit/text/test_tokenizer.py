"""The tokenizer of a run: what a prompt becomes, that it is the same again, and what it says of words it lacks."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mrisynth.errors import MrisynthError
from mrisynth.text.tokenizer import END, MASK, PAD, START, UNKNOWN, PromptTokenizer

PROMPTS = ["T1-weighted brain MRI, woman, 63 years", "T2-weighted brain MRI, man, 1.5 years, hippocampus"]


@pytest.fixture
def tokenizer() -> PromptTokenizer:
    return PromptTokenizer.train(PROMPTS, length=16)


def told(tokenizer: PromptTokenizer, prompt: str) -> list[str]:
    (ids,) = tokenizer.encode([prompt]).ids
    return [tokenizer.vocabulary[number] for number in ids if number != PAD]


def test_prompts_become_words_and_digits_of_a_fixed_length(tokenizer):
    tokens = tokenizer.encode([*PROMPTS, ""])
    assert tokens.ids.shape == (3, 16) and tokens.ids.dtype == np.int64
    assert tokens.unknown == () and tokens.cut == () and tokens.warning() == ""
    assert told(tokenizer, PROMPTS[0]) == [
        "[start]", "t1-weighted", "brain", "mri", ",", "woman", ",", "6 e1", "3 e0", "years", "[end]",
    ]  # fmt: skip
    assert tokens.ids[2].tolist() == [START, END, *[PAD] * 14]
    assert (PAD, START, END, UNKNOWN, MASK) == (0, 1, 2, 3, 4)
    assert len(PromptTokenizer.train(PROMPTS).encode(PROMPTS).ids[0]) == 77


def test_numbers_that_training_never_had_are_told_by_digit_and_place(tokenizer):
    assert told(tokenizer, "48 years")[1:3] == ["4 e1", "8 e0"] and tokenizer.encode(["48"]).unknown == ()
    assert told(tokenizer, "-120.50")[1:-1] == ["-", "1 e2", "2 e1", "0 e0", "5 e-1"]
    assert told(tokenizer, "007") == told(tokenizer, "7.0")
    assert told(tokenizer, "1234567")[1] == "[unknown]"
    values, places = tokenizer.values, tokenizer.places
    (ids,) = tokenizer.encode(["man 59.25"]).ids
    assert values[ids].sum() == pytest.approx(0.5925)
    assert places[ids][:7].tolist() == [0, 0, 5, 6, 7, 8, 0]
    assert len(values) == len(places) == len(tokenizer.vocabulary)


def test_unknown_words_and_cut_prompts_are_told(tokenizer):
    tokens = tokenizer.encode(["Brain mri zebra, Apple zebra", ", ".join(["brain"] * 20), "[end] [pad]"])
    assert tokens.unknown == ("[end]", "[pad]", "apple", "zebra")
    assert tokens.ids[0].tolist().count(UNKNOWN) == 3
    assert tokens.cut == (1,) and tokens.ids[1, -1] == END and PAD not in tokens.ids[1]
    assert tokens.ids[2].tolist()[:4] == [START, UNKNOWN, UNKNOWN, END], "a prompt cannot spell a special token"
    assert "apple, zebra" in tokens.warning() and "1 prompts are longer than 16 tokens" in tokens.warning()


def test_it_does_not_depend_on_the_order_of_prompts_and_lives_in_json(tokenizer):
    assert PromptTokenizer.train([*reversed(PROMPTS), PROMPTS[0]], length=16) == tokenizer
    assert list(tokenizer.words) == sorted(tokenizer.words)
    content = json.loads(json.dumps(tokenizer.to_dict()))
    again = PromptTokenizer.from_dict(content)
    assert again == tokenizer and again.sha256 == content["sha256"]
    assert np.array_equal(again.encode(PROMPTS).ids, tokenizer.encode(PROMPTS).ids)
    assert PromptTokenizer.train(PROMPTS, length=17).sha256 != tokenizer.sha256


def test_another_vocabulary_is_refused(tokenizer):
    content = tokenizer.to_dict()
    with pytest.raises(MrisynthError, match="is not the one that the model was trained with"):
        PromptTokenizer.from_dict(content | {"words": content["words"][::-1]})
    with pytest.raises(MrisynthError, match="of the kind 'bpe'; expected 'words'"):
        PromptTokenizer.from_dict(content | {"kind": "bpe"})
    with pytest.raises(MrisynthError, match="have 9000 words, such as 'scan999'"):
        PromptTokenizer.train(f"scan{number}" for number in range(9000))
    with pytest.raises(MrisynthError, match="2 tokens hold no word"):
        PromptTokenizer.train(PROMPTS, length=2)
