"""Is a difference more than luck? Tests and intervals over a contest, without words.

Method: ``field.md`` 5.3 and 5.8. The block sign-flip max-T over all versions decides, at 2.5 % for
both sides together, at half of that where block sums lean to losses (skewness below -0.3). SPA
stands beside it and does not decide. A version is called better only if the stationary
bootstrap's interval of the mean difference agrees.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from kisbt.evidence.bootstrap import Interval, mean_interval
from kisbt.evidence.power import smallest_detectable, stream_days_missing
from kisbt.evidence.sharpe import TRADING_DAYS, annualised, sharpe_ratio
from kisbt.evidence.sharpe import deflated_sharpe as deflated
from kisbt.evidence.sharpe import probabilistic_sharpe as probabilistic
from kisbt.evidence.signflip import MaxT, block_sign_flip
from kisbt.evidence.spa import spa
from kisbt.journal.matching import pair_fills
from kisbt.llm.noise import VarianceSplit, split_variance
from kisbt.report.contest import Contest, Trials

if TYPE_CHECKING:
    from kisbt.domain.result import RunResult

FloatArray = npt.NDArray[np.float64]
Word = Literal["better", "worse", "undecided"]

LEVEL = 0.0125
"""One-sided level of "better", and of "worse": together the 2.5 % of a gate's one call."""

SKEWED_LEVEL = 0.00625
"""The level where the block sums' skewness lies below ``SKEW``."""

SKEW = -0.3
SHORTEST_BLOCK = 10
"""Sessions."""

FEWEST_BLOCKS = 7
"""With fewer no outcome can reach the level: ``2**-6`` is above 1.25 %."""

DRAWS = 2000
SEED = 20_240_101
"""Of flips and resampling: the same runs give the same page."""


class Verdict(NamedTuple):
    """One version against the first.

    ``mean`` is the daily mean difference with its 95 % interval, fractions. ``p_better`` and
    ``p_worse`` are step-down p-values of the max-T over all versions. ``ir`` is the yearly
    information ratio of the difference. ``days_missing`` is how many more sessions the test
    needs for an 80 % chance to call it, if what was seen is the truth; ``None``: never.
    ``differs`` is the number of sessions on which the two streams differ at all.
    """

    word: Word
    mean: Interval
    p_better: float
    p_worse: float
    level: float
    ir: float
    days_missing: int | None
    differs: int


class RuleEffect(NamedTuple):
    """What one rule did: daily mean difference with the rule minus without it."""

    entry: int
    rule: str
    because: str
    mean: Interval
    differs: int


class Noise(NamedTuple):
    """A version's seeds: how far its total returns lie apart, and what made the variance.

    ``spread`` is the standard deviation of the total return over seeds, a fraction.
    """

    entry: int
    spread: float
    split: VarianceSplit


class Judged(NamedTuple):
    """All tests of a contest.

    ``verdicts`` are those of the later entries, in order. ``block`` is sessions a block and
    ``blocks`` how many there were. ``smallest`` is the yearly information ratio that this many
    sessions would find 80 times in 100. ``versions`` were tested together, of which ``earlier``
    are not shown.
    """

    verdicts: tuple[Verdict, ...]
    block: int
    blocks: int
    best: MaxT | None
    spa: float | None
    smallest: float
    rules: tuple[RuleEffect, ...]
    noise: tuple[Noise, ...]
    versions: int = 0
    earlier: int = 0


def judge(contest: Contest, earlier: FloatArray | None = None) -> Judged | None:
    """Run every test; ``None`` when the entries have no common days.

    Args:
        contest: What to judge.
        earlier: Daily returns of versions tried before on the same days [days, versions]: they
            are tested together with the others, so that trying many is paid for.
    """
    days = len(contest.days) if contest.common else 0
    if days < 2:
        return None
    every = [run for entry in contest.entries for run in entry.flat]
    block = max(SHORTEST_BLOCK, longest_holding(every))
    rules = tuple(_effect(contest, n) for n in range(len(contest.left_out)))
    noise = tuple(_noise(n, stream) for n, stream in enumerate(contest.streams) if len(stream) > 1)
    blocks = math.ceil(days / block)
    if len(contest.entries) < 2:
        return Judged((), block, blocks, None, None, math.inf, rules, noise)
    diffs = contest.differences()
    shown = diffs.shape[1]
    if earlier is not None:
        diffs = np.hstack([diffs, earlier - contest.returns[:, :1]])
    versions = diffs.shape[1]
    verdicts, best = verdicts_of(diffs, block)
    return Judged(
        verdicts[:shown],
        block,
        blocks,
        best,
        spa(diffs, mean_block=block, seed=SEED).p_consistent,
        smallest_detectable(days, n_variants=versions, block=block, level=LEVEL),
        rules,
        noise,
        versions,
        versions - shown,
    )


def verdicts_of(diffs: FloatArray, block: int) -> tuple[tuple[Verdict, ...], MaxT]:
    """Call every version from its differences [days, versions], all tested together."""
    blocks, versions = math.ceil(len(diffs) / block), diffs.shape[1]
    up, down = (block_sign_flip(sign * diffs, block, DRAWS, SEED) for sign in (1.0, -1.0))
    verdicts = tuple(
        _verdict(diffs[:, k], _Side(up, k), _Side(down, k), block, blocks, versions)
        for k in range(versions)
    )
    return verdicts, up


def longest_holding(results: "Iterable[RunResult]") -> int:
    """Sessions of the longest closed round trip; 0 when nothing was closed."""
    longest = 0
    for result in results:
        days = sorted({point.at.date() for point in result.equity})
        for trip in pair_fills(result.fills, result.actions, result.opening).trips:
            held = bisect_left(days, trip.closed) - bisect_left(days, trip.opened)
            longest = max(longest, held)
    return longest


class SharpeFigures(NamedTuple):
    """Yearly Sharpe ratio, and the chances that the true one is above zero, and above luck."""

    yearly: float | None
    probabilistic: float | None
    deflated: float | None


def sharpe_figures(returns: FloatArray, trials: Trials) -> SharpeFigures:
    """Sharpe with its probabilistic and deflated forms; ``None`` for a stream that never moves.

    The deflated one is measured against the best of ``trials.tried`` useless versions, whose
    spread is that of the trials' own ratios, or of estimation noise where it is larger.
    """
    if len(returns) < 3 or np.ptp(returns) == 0:
        return SharpeFigures(None, None, None)
    count = max(trials.tried, 1)
    noise = 1.0 / (len(returns) - 1)
    known = np.asarray(trials.sharpes, dtype=np.float64)
    variance = max(float(known.var(ddof=1)), noise) if known.size > 1 else noise
    return SharpeFigures(
        annualised(sharpe_ratio(returns)),
        probabilistic(returns),
        deflated(returns, count, variance),
    )


class _Side(NamedTuple):
    test: MaxT
    k: int

    @property
    def p(self) -> float:
        return float(self.test.adjusted[self.k])

    @property
    def level(self) -> float:
        return SKEWED_LEVEL if self.test.skew[self.k] < SKEW else LEVEL


def _verdict(
    d: FloatArray, up: _Side, down: _Side, block: int, blocks: int, versions: int
) -> Verdict:
    mean = mean_interval(d, mean_block=block, draws=DRAWS, seed=SEED)
    word: Word = "undecided"
    if blocks >= FEWEST_BLOCKS:
        if up.p <= up.level and mean.low > 0:
            word = "better"
        elif down.p <= down.level and mean.high < 0:
            word = "worse"
    side = up if mean.estimate >= 0 else down
    ahead = d if mean.estimate >= 0 else -d
    spread = float(d.std(ddof=1))
    return Verdict(
        word=word,
        mean=mean,
        p_better=up.p,
        p_worse=down.p,
        level=side.level,
        ir=mean.estimate / spread * math.sqrt(TRADING_DAYS) if spread > 0 else 0.0,
        days_missing=stream_days_missing(ahead, n_variants=versions, block=block, level=side.level),
        differs=int(np.count_nonzero(d)),
    )


def _effect(contest: Contest, n: int) -> RuleEffect:
    item = contest.left_out[n]
    d = contest.effect(item)
    block = max(SHORTEST_BLOCK, longest_holding(contest.entries[item.entry].flat))
    mean = mean_interval(d, mean_block=min(block, len(d)), draws=DRAWS, seed=SEED)
    return RuleEffect(item.entry, item.rule, item.because, mean, int(np.count_nonzero(d)))


def _noise(entry: int, stream: FloatArray) -> Noise:
    totals = np.prod(1.0 + stream, axis=1)
    split = split_variance(stream, draws=DRAWS, seed=SEED)
    return Noise(entry, float(totals.std(ddof=1)), split)
