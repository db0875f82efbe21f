"""What a finished replay hands to reports, the run card and the comparison."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from kisbt.domain.trading import Fill, OrderEvent, PositionChange


class EquityPoint(NamedTuple):
    """The account at a bar's close. Won; ``exposure`` is position value over equity."""

    at: datetime
    cash: int
    equity: int
    exposure: float


class BenchmarkPoint(NamedTuple):
    """The benchmark's level at a bar's close, in its own unit."""

    at: datetime
    value: float


@dataclass(frozen=True, slots=True)
class RunResult:
    """One finished replay.

    ``equity`` has one point a bar, oldest first, warm-up included; the first ``warmup_bars`` of
    them belong to no statistic. ``gross_equity`` is the zero-cost twin's equity in won on the
    same bars. ``digests`` are ``sha256:`` hashes of the streams ``decisions``, ``orders``,
    ``fills`` and ``equity``, free of run ids and wall-clock times.
    """

    run_id: str
    spec: Mapping[str, Any]
    dataset: Mapping[str, Any]
    """``name``, ``hash``, ``source``, ``synthetic``, ``adjusted``, ``frequency``, ``first`` and
    ``last`` day, and ``names``: company names by ticker."""
    decider: str
    prompt: Mapping[str, Any] | None
    """``number``, ``hash``, ``summary``; ``None`` for an ordinary strategy."""
    strategy: Mapping[str, Any]
    """``name`` (class), ``file`` and ``hash`` of the file."""
    start_cash: int
    equity: Sequence[EquityPoint]
    warmup_bars: int
    gross_equity: Sequence[int]
    fills: Sequence[Fill]
    events: Sequence[OrderEvent]
    commission: int
    tax: int
    ticks: int
    holds: int
    decisions: int
    rejected: int
    benchmark: Sequence[BenchmarkPoint]
    benchmark_label: str
    risk: Mapping[str, Any]
    assumptions: Sequence[str]
    actions: Sequence[PositionChange] = ()
    opening: Mapping[str, tuple[int, float]] = field(default_factory=dict)
    """Shares and average cost of what a live account held before the run."""
    skipped_features: Sequence[str] = ()
    trials_before: int = 0
    violations: Sequence[str] = ()
    notes: Sequence[str] = ()
    """What a reader must know of this run: refused orders, late listings, orders left open."""
    digests: Mapping[str, str] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    """Order ref to the justification of the decision behind it."""
    llm: Mapping[str, Any] | None = None
    """What a model was asked and what it cost (see ``kisbt.run.llm_facts``); ``None``: no model."""
