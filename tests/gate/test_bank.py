from pathlib import Path

import numpy as np
import pytest

from kisbt.config import GateSettings
from kisbt.errors import DataError
from kisbt.gate.bank import measure_bank, read_bank

SETTINGS = GateSettings()


def bank_of(markets: int, versions: int, *, better: float = 0.0) -> np.ndarray:
    """Noise; half of the versions earn ``better`` more a day."""
    rng = np.random.default_rng(3)
    found = 0.01 * rng.normal(size=(markets, 625, 1)) + 0.004 * rng.normal(
        size=(markets, 625, versions)
    )
    found[:, :, : versions // 2] += better
    return found


def test_versions_that_differ_by_noise_are_hardly_ever_promoted() -> None:
    found = measure_bank(bank_of(10, 8), SETTINGS, versions=5, campaigns=60, seed=1)
    assert found.promoted <= 2
    assert found.flips <= 6
    assert found.upper >= found.rate
    again = measure_bank(bank_of(10, 8), SETTINGS, versions=5, campaigns=60, seed=1)
    assert again == found


def test_versions_that_are_better_are_promoted_over_worse_champions() -> None:
    found = measure_bank(bank_of(6, 8, better=0.002), SETTINGS, versions=5, campaigns=40, seed=1)
    assert found.rate > 0.25  # about half of the champions are of the worse half
    assert found.error > 0


def test_bank_without_promotions_still_has_an_upper_bound() -> None:
    found = measure_bank(bank_of(5, 8), SETTINGS, versions=5, campaigns=5, seed=2)
    assert found.promoted == 0
    assert found.upper == pytest.approx(3 / 5)


def test_file_that_is_no_bank_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no bank of returns"):
        read_bank(tmp_path / "missing.npz")
    (tmp_path / "text.npz").write_text("hello", encoding="utf-8")
    with pytest.raises(DataError, match="no bank of returns"):
        read_bank(tmp_path / "text.npz")
    np.savez(tmp_path / "short.npz", returns=np.zeros((2, 30, 4)))
    with pytest.raises(DataError, match="no \\[markets, days, versions\\]"):
        read_bank(tmp_path / "short.npz")
    with pytest.raises(DataError, match="need 21 versions"):
        measure_bank(bank_of(2, 8), SETTINGS, versions=20, campaigns=2, seed=1)
    np.savez(tmp_path / "good.npz", returns=bank_of(2, 3).astype(np.float32))
    assert read_bank(tmp_path / "good.npz").shape == (2, 625, 3)
