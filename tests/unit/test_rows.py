"""Tables as people's programs write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from mrisynth.cohorts.rows import column_of, plain, read_rows
from mrisynth.errors import ConfigError


@pytest.mark.parametrize(
    "text",
    [
        'a,"b, c",d\n1,"2, 3",4\n',
        "\ufeffa\tb, c\td\n1\t2, 3\t4\n\t\t\n",
        'a;"b, c";d\r\n1;"2, 3"; 4\r\n\r\n',
        'a, "b, c", d\n1, "2, 3", 4\n',
    ],
)
def test_separators_quotes_and_marks(tmp_path: Path, text: str) -> None:
    (tmp_path / "t.csv").write_bytes(text.encode())
    assert read_rows(tmp_path / "t.csv", key="k") == [{"a": "1", "b, c": "2, 3", "d": "4"}]


@pytest.mark.parametrize("content", [b"", b"a,b\n", b"\xff\xfe\x00"])
def test_what_is_no_table_names_the_key(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(ConfigError, match=r"cohort\.demographics: .*t\.csv"):
        read_rows(tmp_path / "t.csv", key="cohort.demographics")


def test_columns_are_found_by_letters_and_digits() -> None:
    rows = [{"Image Data ID": "1", "image_data_id": "2", "Sex": "M"}]
    assert column_of(rows, "Image ID", "ImageDataID") == "Image Data ID"
    assert column_of(rows, "gender", "sex") == "Sex"
    assert column_of(rows, "age") is None
    assert plain("MPR; GradWarp, B1-Correction") == "mprgradwarpb1correction"
