"""``kisbt parity``: one strategy, one tape, twice; every difference is an error.

Once through the backtest's broker, once through the client of KIS, the wire and the simulator in
lock-step, by the very code that trades live. Both write a journal, and the journals are compared
stream by stream, bar by bar.
"""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, NamedTuple

from kisbt.config import Settings
from kisbt.data.features.catalogue import FEATURES
from kisbt.domain.result import RunResult
from kisbt.errors import ConfigError, PromptError
from kisbt.journal.database import DatabaseManager
from kisbt.journal.story import STREAMS, Line, Story, read_story
from kisbt.llm.meter import Budget, Meter
from kisbt.run.backtest import run_backtest
from kisbt.run.live_command import trade
from kisbt.run.live_order import LiveOrder
from kisbt.run.order import Order
from kisbt.run.prepare import Prepared, prepare
from kisbt.run.spec import RunSpec

Step = Callable[[str], None]
"""Told what happens next."""


class Difference(NamedTuple):
    """The first place where the two runs part: stream, bar, field, and what each says."""

    stream: str
    at: str
    place: int
    field: str
    backtest: Any
    live: Any

    def __str__(self) -> str:
        return (
            f"{self.stream} {self.place} at {self.at or '?'}: {self.field}: "
            f"backtest {self.backtest!r}, simulator {self.live!r}"
        )


class Compared(NamedTuple):
    """One stream: how many lines each run has, how many are equal, and the first difference."""

    stream: str
    backtest: int
    live: int
    equal: int
    first: Difference | None


class Parity(NamedTuple):
    """Outcome: the two runs' ids, the period, and every stream compared."""

    backtest: str
    live: str
    journal: str
    strategy: str
    decider: str
    names: int
    first: date
    last: date
    streams: tuple[Compared, ...]

    @property
    def difference(self) -> Difference | None:
        """The earliest difference of all streams; ``None`` when everything is equal.

        Of one bar, what comes first in the tick comes first here: a wrong price is told before
        the wrong equity that follows from it.
        """
        found = [each.first for each in self.streams if each.first is not None]
        return min(found, key=lambda d: (d.at or "9", STREAMS.index(d.stream)), default=None)


def compare_stories(backtest: Story, live: Story) -> tuple[Compared, ...]:
    """Compare stream by stream, line by line, in order."""
    return tuple(_compare(name, backtest[name], live[name]) for name in STREAMS)


def _compare(stream: str, one: Sequence[Line], other: Sequence[Line]) -> Compared:
    equal, first = 0, None
    for place in range(max(len(one), len(other))):
        mine = one[place] if place < len(one) else None
        theirs = other[place] if place < len(other) else None
        if mine == theirs:
            equal += 1
        elif first is None:
            first = _difference(stream, place, mine, theirs)
    return Compared(stream, len(one), len(other), equal, first)


def _difference(stream: str, place: int, mine: Line | None, theirs: Line | None) -> Difference:
    there = mine or theirs
    assert there is not None  # one of the two is longer
    if mine is None or theirs is None:
        return Difference(
            stream, there.at, place, "(line)",
            None if mine is None else dict(mine.fields),
            None if theirs is None else dict(theirs.fields),
        )  # fmt: skip
    if mine.at != theirs.at:
        return Difference(stream, min(mine.at, theirs.at), place, "at", mine.at, theirs.at)
    name = next(name for name in mine.fields if mine.fields[name] != theirs.fields[name])
    return Difference(stream, mine.at, place, name, mine.fields[name], theirs.fields[name])


def run_parity(
    spec: RunSpec, settings: Settings, *, days: int, step: Step = lambda _: None
) -> Parity:
    """Run both and compare.

    The last ``days`` sessions of the spec's period are traded; what lies before them is history
    that features are computed on, in both runs. A model is asked by the backtest alone: the
    simulator's run takes its replies from the cache, so a question that differs has no answer.

    Args:
        spec: Strategy, data, names, prompt, cash; ``first`` is not used.
        settings: Everything else; its journal receives both runs.
        days: Sessions to trade.
        step: Told what happens next.

    Raises:
        ConfigError: more days than the data has, or a dataset that the live side cannot replay.
        PromptError: a prompt that uses live-only features.
    """
    whole = prepare(spec, settings)
    _refuse_live_only(whole)
    sessions = sorted(set(whole.tape.sessions))
    if days > len(sessions):
        raise ConfigError(
            f"{days} days of parity, but the data has {len(sessions)} sessions",
            hint="give a smaller --days, or more data",
        )
    first, last = sessions[-days], sessions[-1]
    # A name that was delisted before is no part of either run.
    listed = tuple(whole.whole.between(first, last).tickers)
    chosen = spec.model_copy(update={"first": first, "last": last, "tickers": listed})
    with DatabaseManager(settings.journal_url()) as db:
        step(f"backtest: {first} – {last}")
        mine = _backtest(chosen, settings, db, whole)
        step("simulator, lock-step (client, wire, exchange)")
        outcome = trade(
            _order(chosen, days), settings, confirm=lambda _: "", quiet=True, page=False
        )
        streams = compare_stories(read_story(db, mine.run_id), read_story(db, outcome.run_id))
    return Parity(
        mine.run_id, outcome.run_id, settings.journal_url(), spec.strategy, mine.decider,
        len(listed), first, last, streams,
    )  # fmt: skip


def _backtest(spec: RunSpec, settings: Settings, db: DatabaseManager, whole: Prepared) -> RunResult:
    ready = prepare(spec, settings)
    if ready.warmup and not whole.warmup:
        raise ConfigError("the prompt's features have no value yet", hint="give fewer --days")
    result = run_backtest(ready, settings, db, meter=Meter(Budget.from_settings(settings.llm)))
    db.finish_run(result.run_id, "finished")
    return result


def _order(spec: RunSpec, days: int) -> LiveOrder:
    assert spec.first is not None
    return LiveOrder(
        venue="sim",
        days=days,
        strategy=spec.strategy,
        prompt=spec.prompt,
        data=spec.data,
        tickers=",".join(spec.tickers) or None,
        first=spec.first.isoformat(),
        cash=spec.cash,
        resting="keep",
        drift=False,
        asks=_asks(spec),
    )


def _asks(spec: RunSpec) -> Order:
    llm = spec.llm
    if llm is None:
        return Order()
    return Order(llm="replay", model=llm.model, draws=llm.draws, blind=llm.blind)


def _refuse_live_only(ready: Prepared) -> None:
    live_only = {each.name for each in FEATURES if not each.history}
    used = () if ready.version is None else ready.version.features
    found = [name for name in used if name in live_only]
    if ready.version is not None and found:
        raise PromptError(
            f"prompt version {ready.version.number} uses features without history: "
            f"{', '.join(found)}",
            hint="parity needs a prompt that history can answer: kisbt prompts lint",
        )
