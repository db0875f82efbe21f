import numpy as np
import pytest

from kisbt.evidence.ledoit_wolf import sharpe_difference


def pair(seed: int, gap: float, days: int = 500) -> tuple[np.ndarray, np.ndarray]:
    """Correlated streams whose yearly Sharpe ratios differ by ``gap``; the second is wilder."""
    rng = np.random.default_rng(seed)
    shared = rng.standard_t(6, days) * np.sqrt(4 / 6)
    own = rng.standard_t(6, (2, days)) * np.sqrt(4 / 6)
    first, second = 0.8 * shared + 0.6 * own
    return 0.01 * (first + (0.8 + gap) / np.sqrt(252)), 0.02 * (second + 0.8 / np.sqrt(252))


def test_equal_ratios_differ_at_the_nominal_rate_although_volatility_doubles() -> None:
    runs = 200
    hits = sum(
        sharpe_difference(*pair(seed, 0.0), draws=400, seed=seed).p <= 0.05 for seed in range(runs)
    )
    assert abs(hits / runs - 0.05) < 3 * np.sqrt(0.05 * 0.95 / runs)


def test_large_difference_is_found_and_its_sign_is_right() -> None:
    found = sharpe_difference(*pair(1, 6.0))
    assert found.p < 0.01
    assert found.difference > 0
    swapped = sharpe_difference(*reversed(pair(1, 6.0)))
    assert swapped.difference == pytest.approx(-found.difference)


def test_error_is_the_textbook_one_for_independent_normal_streams() -> None:
    rng = np.random.default_rng(0)
    streams = rng.standard_normal((2, 4000)) + 0.05
    found = sharpe_difference(*streams, block=1, draws=50)
    # Each ratio has variance (1 + SR²/2) / n.
    assert found.error == pytest.approx(np.sqrt(2 * (1 + 0.05**2 / 2) / 4000), rel=0.08)


def test_scale_changes_nothing() -> None:
    first, second = pair(2, 1.0)
    found = sharpe_difference(first, second)
    scaled = sharpe_difference(1e4 * first, 1e4 * second)
    assert scaled == pytest.approx(found, rel=1e-6)


@pytest.mark.parametrize(
    ("first", "second"), [(np.ones(100), np.arange(100.0)), (np.arange(15.0), np.arange(15.0))]
)
def test_streams_that_do_not_move_or_are_too_short_are_refused(
    first: np.ndarray, second: np.ndarray
) -> None:
    with pytest.raises(ValueError, match="Sharpe difference"):
        sharpe_difference(first, second)
