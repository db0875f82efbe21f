"""The listed hours are computed once, kept, and computed again when the kept ones are not whole."""

import os
from pathlib import Path

import numpy as np
import pytest

from kisbt.krx import listed_hours as module
from kisbt.krx.listed_hours import listed_hours

MADE_UP = np.array([[0, 60], [100, 160]], dtype=np.int64)


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count computations, which give two made-up sessions."""
    made: list[int] = []

    def build() -> np.ndarray:
        made.append(1)
        return MADE_UP

    monkeypatch.setattr(module, "_build", build)
    return made


def test_second_process_reads_what_the_first_one_computed(tmp_path: Path, builds: list[int]):
    first, second = listed_hours(tmp_path / "krx"), listed_hours(tmp_path / "krx")
    assert np.array_equal(first, MADE_UP)
    assert np.array_equal(second, MADE_UP)
    assert len(builds) == 1


@pytest.mark.parametrize("change", [b"", b"torn", None])
def test_kept_hours_that_are_not_whole_are_computed_again(
    tmp_path: Path, builds: list[int], change: bytes | None
):
    listed_hours(tmp_path)
    (path,) = tmp_path.iterdir()
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(bytes(raw) if change is None else change)
    assert np.array_equal(listed_hours(tmp_path), MADE_UP)
    assert len(builds) == 2
    listed_hours(tmp_path)
    assert len(builds) == 2


def test_folder_that_cannot_be_made_costs_time_and_nothing_else(tmp_path: Path, builds: list[int]):
    (tmp_path / "file").write_text("not a folder")
    for _ in range(2):
        assert np.array_equal(listed_hours(tmp_path / "file"), MADE_UP)
    assert len(builds) == 2
    assert os.listdir(tmp_path) == ["file"]


def test_what_is_kept_is_what_the_library_says(tmp_path: Path):
    listed_hours(tmp_path)
    assert np.array_equal(listed_hours(tmp_path), module._build())
