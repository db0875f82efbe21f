"""Does a strategy see the future? Change all bars after a cut and compare what came before it."""

from collections.abc import Callable, Sequence
from dataclasses import replace as changed
from typing import Any, NamedTuple

import numpy as np

from kisbt.adapter.tape import Tape
from kisbt.config import Settings
from kisbt.data.dataset import BarTable, Dataset, IndexSeries
from kisbt.data.features.compute import compute_features
from kisbt.journal.memory import MemoryJournal
from kisbt.krx.costs import CostModel
from kisbt.krx.ticks import rounded_down
from kisbt.run.prepare import Prepared, prepare, tape_of
from kisbt.run.replay import Brain, replay
from kisbt.run.spec import RunSpec


class Peek(NamedTuple):
    """A difference before the cut that only later bars can have made."""

    cut: str
    at: str
    what: str
    honest: str
    changed: str


class Outcome(NamedTuple):
    """How many cuts were tried, and the first difference of each that showed one."""

    cuts: int
    peeks: tuple[Peek, ...]


def look_ahead(
    spec: RunSpec,
    settings: Settings,
    *,
    cuts: int = 8,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> Outcome:
    """Replay once on the true bars, then once a cut with everything after it replaced.

    Features, decisions with their verdicts, order events and fills up to the cut must be equal.
    Cuts are drawn by ``seed`` from the middle nine tenths of the period.

    Raises:
        TradingSystemError: whatever is wrong with data, strategy or prompt.
    """
    ready = prepare(spec, settings)
    bars = len(ready.tape)
    rng = np.random.default_rng(seed)
    low, high = bars // 20, max(bars - bars // 20, bars // 20 + 1)
    points = sorted(set(rng.integers(low, high, size=cuts).tolist()))
    truth = history(ready, ready.tape, ready.brain())
    found = []
    for done, t in enumerate(points, start=1):
        peek = peek_at(ready, truth, t, seed)
        if peek is not None:
            found.append(peek)
        if progress is not None:
            progress(done)
    return Outcome(len(points), tuple(found))


def peek_at(ready: Prepared, truth: Sequence["Moment"], t: int, seed: int) -> Peek | None:
    """Replace all bars after bar time ``t`` and return the first difference up to it."""
    cut = ready.tape.times[t]
    whole = scrambled(ready.whole, cut, seed)
    tape = tape_of(whole, ready.spec)
    brain = ready.brain()
    if brain is not None:
        features = compute_features(whole.between(None, ready.spec.last))
        brain = Brain(brain.decider, brain.rules, features, brain.warmup)
    other = history(ready, tape, brain)
    for mine, theirs in zip(truth[: t + 1], other[: t + 1], strict=True):
        for what, honest, moved in zip(Moment._fields, mine, theirs, strict=True):
            if honest != moved:
                said = _said(what, honest), _said(what, moved)
                return Peek(str(ready.tape.moments[t]), str(mine.at), what, *said)
    return None


class Moment(NamedTuple):
    """All that a run did at one bar's close."""

    at: Any
    features: Any
    decisions: Any
    orders: Any
    fills: Any


def history(ready: Prepared, tape: Tape, brain: Brain | None) -> list[Moment]:
    """Replay over ``tape`` in memory and return what happened at each of its bar times."""
    journal = MemoryJournal()
    spec = ready.spec
    replay(
        ready.strategy,
        tape,
        brain,
        cash=spec.cash,
        limits=spec.limits,
        costs=CostModel.from_settings(spec.costs),
        fills=spec.fills,
        journal=journal,
    )
    moments = {at: ([], [], [], []) for at in tape.moments}  # type: dict[Any, tuple[Any, ...]]
    for state in journal.ticks:
        features, decisions, _, _ = moments[state["tick"].at]
        if "market" in state:
            features.append(state["market"].features)
        decisions.append((state.get("plan"), state.get("verdicts"), state.get("failure")))
    for event in journal.events:
        moments[event.at][2].append(event)
    for fill in journal.fills:
        moments[fill.at][3].append(fill)
    return [Moment(at, *parts) for at, parts in moments.items()]


def scrambled(dataset: Dataset, cut: np.datetime64, seed: int) -> Dataset:
    """The dataset with every bar after ``cut`` replaced by a legal walk of its own.

    Times stay; prices walk on from the last true close, on tick, by at most 20 % a bar, and first
    of all the other way than they truly went: what a peeking strategy acts on must flip. Base
    prices are forgotten, volumes drawn anew, and the index goes another way.
    """
    bars = {
        ticker: _walk(table, dataset.instruments[ticker], cut, [seed, n])
        for n, (ticker, table) in enumerate(dataset.bars.items())
    }
    index = dataset.index
    if index is not None:
        late = index.times > cut
        noise = np.random.default_rng([seed, len(bars)]).normal(0, 0.02, int(late.sum()))
        values = index.values.copy()
        values[late] *= np.exp(np.cumsum(noise))
        index = IndexSeries(index.name, index.times, values)
    actions = tuple(a for a in dataset.actions if np.datetime64(a.date) <= cut)
    return changed(dataset, bars=bars, index=index, actions=actions)


def _walk(table: BarTable, instrument: Any, cut: np.datetime64, seed: list[int]) -> BarTable:
    start = int(np.searchsorted(table.times, cut, side="right"))
    rest = len(table.times) - start
    if not rest:
        return table
    rng = np.random.default_rng(seed)
    first = float(table.close[start - 1] if start else table.open[0])
    steps = np.clip(rng.normal(0, 0.03, rest), -0.2, 0.2)
    steps[0] = abs(steps[0]) + 0.02
    if table.close[start] > first:
        steps[0] = -steps[0]
    closes = np.maximum(first * np.cumprod(1 + steps), 100.0)
    opens = np.concatenate(([first], closes[:-1])) * (1 + rng.normal(0, 0.005, rest))
    days = table.times[start:].astype("datetime64[D]")

    def on_tick(prices: Any) -> Any:
        whole = np.maximum(prices, 100.0).astype(np.int64)
        return rounded_down(whole, instrument.market, days, instrument.product)

    close, open_ = on_tick(closes), on_tick(opens)
    high = on_tick(np.maximum(open_, close) * 1.01)
    high, low = np.maximum(high, np.maximum(open_, close)), np.minimum(open_, close)
    new = {
        "open": open_,
        "high": high,
        "low": low,
        "close": close,
        "volume": rng.integers(1_000, 5_000_000, rest),
        "base": np.zeros(rest, np.int64),
    }
    joined = {name: np.concatenate((getattr(table, name)[:start], new[name])) for name in new}
    return BarTable(table.ticker, table.times, **joined)


def _said(what: str, value: Any) -> str:
    if what == "orders":
        text = ", ".join(
            f"{e.state} {e.side} {e.ticker} {e.quantity} @ {e.limit_price or 'market'}"
            for e in value
        )
    elif what == "fills":
        text = ", ".join(f"{f.side} {f.ticker} {f.quantity} @ {f.price}" for f in value)
    else:
        text = str(value)
    text = text or "nothing"
    return text if len(text) <= 160 else text[:157] + "..."
