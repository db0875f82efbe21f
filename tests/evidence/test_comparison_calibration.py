"""The words of the comparison on planted truth: how often is "better" or "worse" said wrongly?"""

import math

import numpy as np
import pytest

from kisbt.evidence.power import power
from kisbt.report.verdicts import LEVEL, verdicts_of

pytestmark = pytest.mark.slow

PAIRS, DAYS, BLOCK = 200, 500, 10


def returns(seed: int, kind: str) -> np.ndarray:
    """Daily returns of one version; versions of the same skill differ by the seed alone."""
    rng = np.random.default_rng([seed, 11])
    own = {
        "t5": lambda: rng.standard_t(5, DAYS) * np.sqrt(3 / 5),
        "losses": lambda: 1 - rng.exponential(size=DAYS),
        "sparse": lambda: rng.standard_normal(DAYS) * (rng.random(DAYS) < 0.2) * 2.2,
    }[kind]()
    return 0.0005 + 0.005 * own


def called(kind: str, edge: float = 0.0) -> list[str]:
    """The word said of each of 200 second versions, against a first with a shared market."""
    words = []
    for pair in range(PAIRS):
        first, second = returns(2 * pair, kind), returns(2 * pair + 1, kind)
        shift = edge / math.sqrt(252) * float(np.std(second - first))
        (verdict,), _ = verdicts_of((second - first + shift)[:, None], BLOCK)
        words.append(verdict.word)
    return words


@pytest.mark.parametrize("kind", ["t5", "losses", "sparse"])
def test_two_versions_of_the_same_skill_get_a_winner_in_at_most_five_percent(kind: str) -> None:
    words = called(kind)
    assert words.count("undecided") >= 0.95 * PAIRS


@pytest.mark.parametrize("edge", [2.0, 4.0])
def test_planted_difference_is_found_with_the_power_reported_beforehand(edge: float) -> None:
    words = called("t5", edge)
    promised = power(edge, DAYS, BLOCK, 1, LEVEL)
    assert words.count("worse") == 0
    # The stricter level for skewed block sums, which strikes by chance, too, costs some power.
    slack = 3 * math.sqrt(0.25 / PAIRS)
    assert promised - slack - 0.08 <= words.count("better") / PAIRS <= promised + slack
