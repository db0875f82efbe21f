import numpy as np
import pytest

from kisbt.data.synth.traps import IR_3, TRAPS
from kisbt.domain.rules import Condition
from kisbt.errors import ConfigError
from kisbt.reflection_graph.conditions import holds, make_grid
from kisbt.reflection_graph.evidence import Evidence
from kisbt.reflection_graph.halves import second_half
from kisbt.reflection_graph.mining import cut_blocks, mine, question
from tests.reflection_graph.scenes import features_of, planted, trap_evidence

KINDS = tuple(IR_3)


def found_in(kind: str, effect: float, seeds: range) -> int:
    """In how many markets the planted condition is among the first three patterns."""
    hits = 0
    for seed in seeds:
        patterns = mine(trap_evidence(kind, effect, seed), block=10, least=20, level=0.1, most=3)
        hits += planted(kind) in [features_of(pattern.when) for pattern in patterns]
    return hits


@pytest.mark.parametrize("kind", KINDS)
def test_a_planted_trap_is_found_in_nine_markets_of_ten(kind: str) -> None:
    assert found_in(kind, IR_3[kind], range(10)) >= 9


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_planted_trap_is_found_in_nine_of_ten_of_more_markets(kind: str) -> None:
    assert found_in(kind, IR_3[kind], range(25)) >= 23


def test_under_one_half_of_a_trap_the_other_half_separates() -> None:
    evidence = trap_evidence("averaging_down", IR_3["averaging_down"], 1)
    grid = make_grid(evidence.names, evidence.rows, evidence.excess, 20)
    halves = [
        (abs(c.value), n)
        for n, c in enumerate(grid.conditions)
        if (c.feature, c.op) == ("return_20d_pct", "<")
    ]
    block = cut_blocks(evidence.day, 10)
    number = np.searchsorted(block.starts, np.arange(len(evidence)), side="right") - 1
    everything = range(len(grid.conditions))
    half = min(halves)[1]
    there = np.ones(len(evidence), dtype=bool)
    other = second_half(evidence, grid, half, everything, there, number, least=20, level=0.1)
    assert other is not None
    assert (grid.conditions[other].feature, grid.conditions[other].op) == ("market_mood", "<")
    assert second_half(evidence, grid, half, [], there, number, least=20, level=0.1) is None


def test_a_market_without_structure_shows_next_to_no_pattern() -> None:
    markets = 12
    told = sum(
        bool(mine(trap_evidence("chased_surge", 0.0, seed, reward=0.0),
                  block=10, least=20, level=0.1, most=1))
        for seed in range(markets)
    )  # fmt: skip
    assert told <= 3  # at a false discovery rate of a tenth


def test_the_same_rows_give_the_same_patterns() -> None:
    evidence = trap_evidence("thin_volume", 0.05, 1)
    assert mine(evidence, block=10, least=20, level=0.1) == mine(
        evidence, block=10, least=20, level=0.1
    )


def test_pattern_figures_are_those_of_a_plain_count() -> None:
    evidence = trap_evidence("opening_gap", 0.05, 2)
    pattern = mine(evidence, block=10, least=20, level=0.1)[0]
    mask = holds(pattern.when, evidence.names, evidence.rows)
    under, others = evidence.outcome[mask], evidence.outcome[~mask]
    losers = sum(1 for value in under if value < 0)
    assert pattern.support == mask.sum()
    assert pattern.losers == losers
    assert pattern.loss_rate == losers / len(under)
    assert pattern.lift == pytest.approx(losers / len(under) / np.mean(evidence.outcome < 0))
    assert pattern.effect == pytest.approx(np.mean(under) - np.mean(others))
    assert pattern.days == len({day for day, hit in zip(evidence.day, mask, strict=True) if hit})


def test_the_statistic_equals_that_of_one_question_by_hand() -> None:
    evidence = trap_evidence("weak_close", 0.05, 4)
    first = mine(evidence, block=10, least=20, level=0.1)[0]
    mask = holds(first.when, evidence.names, evidence.rows)
    sessions = sorted(set(evidence.day.tolist()))
    block = [sessions.index(day) // 10 for day in evidence.day.tolist()]
    residual = evidence.excess - evidence.excess.mean()
    sums = [
        sum(r for r, b, m in zip(residual, block, mask, strict=True) if b == number and m)
        for number in sorted(set(block))
    ]
    by_hand = sum(sums) / sum(s * s for s in sums) ** 0.5
    assert first.t == pytest.approx(by_hand, rel=1e-4)
    assert question(evidence, first.when, mask, 10).t == pytest.approx(by_hand, rel=1e-9)


def test_blocks_are_whole_sessions_and_cover_every_row() -> None:
    day = np.repeat(np.arange(37), 3)
    blocks = cut_blocks(day, 10)
    assert blocks.starts.tolist() == [0, 30, 60, 90]
    assert blocks.stops.tolist() == [30, 60, 90, 111]
    assert blocks.half == 2


def test_a_missing_value_satisfies_no_condition() -> None:
    rows = np.array([[np.nan], [1.0]])
    for op in (">=", ">", "<=", "<", "==", "!="):
        when = (Condition(feature="rsi14", op=op, value=2.0),)
        assert not holds(when, ("rsi14",), rows)[0]
        assert not holds(when, ("atr14_pct",), rows).any()


def test_thresholds_leave_enough_rows_on_both_sides() -> None:
    rows = np.random.default_rng(0).normal(size=(200, 1))
    grid = make_grid(("rsi14",), rows, rows[:, 0], 20)
    sizes = grid.masks(rows).sum(axis=0)
    assert len(sizes) > 4
    assert sizes.min() >= 20
    assert sizes.max() <= 180


def test_too_few_rows_are_not_mined() -> None:
    evidence = trap_evidence("thin_volume", 0.05, 1)
    few = evidence.where(np.arange(len(evidence)) < 30)
    assert isinstance(few, Evidence)
    assert mine(few, block=10, least=20, level=0.1) == []


def test_every_kind_of_trap_can_be_made_and_an_unknown_one_is_refused() -> None:
    assert len(TRAPS) >= 5
    for kind in TRAPS:
        assert len(trap_evidence(kind, 0.03, 1, names=10, sessions=200)) > 0
    with pytest.raises(ConfigError, match="unknown trap"):
        trap_evidence("no_such", 0.03, 1)
