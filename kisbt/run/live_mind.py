"""What decides in a live session, and when: decider, prompt, decision times, warm-up, holds."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, time
from typing import Any, NamedTuple, Protocol

from kisbt.config import RiskLimits, Settings
from kisbt.data.features.catalogue import FEATURES
from kisbt.domain.llm import CallListener
from kisbt.domain.market import Instrument
from kisbt.domain.ports import Decider, Notifier
from kisbt.domain.state import NodeFailure, Tick, TradingState
from kisbt.errors import StopRun, TradingSystemError
from kisbt.llm.blind import Mask
from kisbt.llm.decider import LLMDecider
from kisbt.llm.meter import Budget, Meter
from kisbt.llm.rulebook_decider import RulebookDecider
from kisbt.llm.shared import shared_client
from kisbt.rulebook.version import PromptVersion
from kisbt.run.conversation import llm_settings
from kisbt.run.spec import LLMSpec
from kisbt.trading_graph.desk import Desk
from kisbt.trading_graph.direct import run_tick
from kisbt.trading_graph.record_and_report import record_and_report

_LOOKBACKS = {each.name: each.lookback if each.history else 0 for each in FEATURES}

MakeDecider = Callable[[PromptVersion], Decider]


def rulebook(limits: RiskLimits) -> MakeDecider:
    """Deciders without a model."""
    return lambda version: RulebookDecider(version, limits, tick=lambda _ticker, price: price)


def model(
    spec: LLMSpec,
    settings: Settings,
    instruments: Mapping[str, Instrument],
    listener: CallListener,
    label: str,
) -> MakeDecider:
    """Deciders that ask a model; every exchange is told to ``listener`` before it is acted upon.

    Raises:
        ConfigError: no key, a bad address, or an unusable cache.
    """
    client = shared_client(
        llm_settings(spec, settings),
        settings.llm_cache(),
        mode="record" if spec.mode == "openai" else "replay",
        meter=Meter(Budget.from_settings(settings.llm)) if spec.mode == "openai" else Meter(),
        label=label,
    )
    mask = Mask(spec.mask_seed, instruments.values()) if spec.blind else None
    return lambda version: LLMDecider(
        version,
        client,
        settings.limits,
        instruments,
        mask=mask,
        draws=spec.draws,
        min_agreement=spec.min_agreement,
        listener=listener,
        model=spec.model,
        workers=spec.draws if spec.mode == "openai" else 1,
    )


class _View(Protocol):
    delayed: bool
    ragged: bool

    def now(self) -> datetime: ...
    def session(self) -> date: ...
    def features(self) -> dict[str, dict[str, float | None]]: ...


class _Seat(NamedTuple):
    context: Desk


class Gate:
    """Says whether the current bar may be decided on.

    Not on history, not on a bar that lacks a name, not twice on one bar, whatever process decided
    it, and at set times only, if there are any: on the first bar at or after each.

    Args:
        view: The market.
        decided: Close of the last bar that an earlier process decided on.
        times: Set times.
    """

    def __init__(
        self, view: _View, *, decided: datetime | None = None, times: tuple[time, ...] = ()
    ) -> None:
        self._view = view
        self._decided = decided
        self._times = times
        self._served: tuple[date, int] = (date.min, 0)

    def open(self) -> bool:
        """Whether a strategy may act on the current bar."""
        if self._view.delayed or self._view.ragged:
            return False
        return self._decided is None or self._view.now() > self._decided

    def due(self) -> bool:
        """Whether a set time has come; always true without set times."""
        if not self._times:
            return True
        at = self._view.now()
        day, served = self._served if self._served[0] == at.date() else (at.date(), 0)
        reached = sum(1 for moment in self._times if moment <= at.time())
        self._served = day, max(served, reached)
        return reached > served


class Mind:
    """Runs ticks of the operating graph for a live session.

    The prompt pointer is looked at when the trading day changes, and at no other time. An
    instruction to stop (a budget spent, a reply not recorded) holds this tick and tells a person,
    since positions must be watched on.

    Args:
        desk: The ports; decider and rules are replaced when the prompt moves.
        version: The prompt version in use.
        make: Makes a decider of a version.
        current: Reads the version that the pointer names; ``None`` keeps ``version`` for good.
        idle: Whether no order rests: only then may a run end and the next one begin.
        moved: Told of another version, before its first tick.
        notifier: Told of holds.
        bars: Bars of the name that has traded in most of them, history included.
        hopeless: Features that never have a value here; ``None`` if that is not known.
    """

    def __init__(
        self,
        desk: Desk,
        version: PromptVersion,
        make: MakeDecider,
        *,
        current: Callable[[], PromptVersion] | None,
        idle: Callable[[], bool],
        moved: Callable[[PromptVersion], None],
        notifier: Notifier,
        bars: Callable[[], int],
        hopeless: frozenset[str] | None = None,
    ) -> None:
        self.desk = desk
        self.version = version
        self._bars, self._hopeless = bars, hopeless
        self._make = make
        self._current = current
        self._idle, self._moved, self._notifier = idle, moved, notifier
        self._session: date | None = None
        self._warm = self._waiting = False

    def turn(self, session: date) -> None:
        """Follow the prompt pointer if the trading day has changed."""
        if session == self._session:
            return
        if self._current is None:
            self._session = session
            return
        try:
            version = self._current()
        except TradingSystemError as error:
            self._session = session
            self._notifier.notify("warning", f"프롬프트 {self.version.number} 유지: {error}")
            return
        if version.hash == self.version.hash:
            self._session = session
        elif self._idle():
            self._session = session
            self._moved(version)
            self._notifier.notify(
                "warning", f"프롬프트 {self.version.number} → {version.number} ({session}부터)"
            )
            self.version, self._warm = version, False
            self.desk = replace(self.desk, decider=self._make(version), rules=version.rules)

    def warm(self) -> bool:
        """Whether every feature of the prompt that can have a value has one for some name.

        As in a backtest: until then nothing is decided. Where it is not known what can have a
        value, one that has none although there were bars enough never will: nobody knows the day
        of listing, say. What counts is the bars that there were, and not those asked for.
        """
        if not self._warm:
            known = {
                name
                for row in self.desk.market.features().values()
                for name, value in row.items()
                if value is not None
            }
            bars = self._bars()
            waits = [
                name
                for name in self.version.features
                if name not in known and self._may_come(name, bars)
            ]
            self._warm = not waits
            self._tell_of(waits, bars)
        return self._warm

    def _may_come(self, name: str, bars: int) -> bool:
        """Whether a feature without a value is still to get one."""
        if self._hopeless is not None:
            return name not in self._hopeless
        return bars <= _LOOKBACKS.get(name, 0)

    def _tell_of(self, waits: Sequence[str], bars: int) -> None:
        """Say once what decisions wait for, and once that they begin."""
        if waits and not self._waiting:
            most = max(waits, key=lambda name: _LOOKBACKS.get(name, 0))
            self._notifier.notify(
                "warning",
                f"판단 대기: 과거 봉이 {bars}개뿐 ({most}에 {_LOOKBACKS.get(most, 0)}개 필요)",
            )
        elif self._waiting and not waits:
            self._notifier.notify("info", f"판단 시작: 봉 {bars}개를 봄")
        self._waiting = bool(waits)

    def run(self, tick: Tick) -> TradingState:
        """Take one tick through the graph."""
        try:
            return run_tick(tick, self.desk)
        except StopRun as stop:
            self._notifier.notify("alert", f"판단 보류: {stop}")
            failure = NodeFailure(node="generate_trading_plan", error=str(stop))
            state: TradingState = {"tick": tick, "failure": failure}
            state.update(record_and_report(state, _Seat(self.desk)))
            return state


def held_back(strategy: type[Any], may_act: Callable[[], bool]) -> type[Any]:
    """The strategy, held still on bars that nobody trades on; its indicators warm up all the same.

    Its file knows nothing of this: in a backtest there is no history before its first bar.
    """

    class Held(strategy):  # type: ignore[misc]
        def prenext(self) -> None:
            if may_act():
                super().prenext()

        def nextstart(self) -> None:
            if may_act():
                super().nextstart()

        def next(self) -> None:
            if may_act():
                super().next()

    Held.__name__, Held.__qualname__ = strategy.__name__, strategy.__qualname__
    return Held
