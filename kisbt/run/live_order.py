"""The command line of ``kisbt live``, checked: what a session is asked to do."""

from dataclasses import dataclass
from datetime import date, time
from pathlib import Path
from typing import Literal, NamedTuple, cast

from kisbt.config import LiveSettings, Settings
from kisbt.data.dataset import Dataset
from kisbt.data.features.catalogue import FEATURES
from kisbt.data.store import load_market
from kisbt.domain.market import Instrument
from kisbt.errors import ConfigError
from kisbt.kis.auth import default_cache
from kisbt.kis.master import MARKETS, MasterFiles
from kisbt.krx import calendar
from kisbt.rulebook.store import PromptStore
from kisbt.rulebook.version import PromptVersion
from kisbt.run.live_approvals import ApprovalRules
from kisbt.run.live_venue import Wanted
from kisbt.run.loader import LoadedStrategy, load_strategy
from kisbt.run.order import Order, llm_spec
from kisbt.run.prepare import parse_day, relative_name, strategy_path
from kisbt.run.spec import LLMSpec, RunSpec
from kisbt.sim.options import LOCKSTEP, parse_speed

Frequency = Literal["1d", "1m", "5m"]
Foreign = Literal["adopt", "ignore", "refuse"]
Resting = Literal["cancel", "keep"]

SHOWN_SESSIONS = 35
"""Sessions before the end of the data at which the embedded simulator begins by default."""


class LiveOrder(NamedTuple):
    """The command line as typed; ``None`` takes the settings' value."""

    venue: Wanted = "auto"
    days: int | None = None
    speed: str = "lockstep"
    strategy: str | None = None
    prompt: int | None = None
    data: str | None = None
    tickers: str | None = None
    frequency: str | None = None
    first: str | None = None
    cash: int | None = None
    approve: str | None = None
    foreign: str | None = None
    resting: str | None = None
    decide_at: str | None = None
    config_dir: Path | None = None
    drift: bool = True
    """Run each day again as a backtest once it is over."""
    asks: Order = Order()
    """The model's part of the command line, as ``kisbt backtest`` has it."""


@dataclass(frozen=True, slots=True)
class LivePlan:
    """An order that makes sense, with its strategy and prompt loaded.

    ``pinned`` says that the prompt version was named; otherwise the pointer is followed from
    session to session. ``data`` is the dataset asked for, or that of the embedded simulator.
    """

    order: LiveOrder
    strategy: LoadedStrategy
    file: str
    version: PromptVersion | None
    pinned: bool
    store: PromptStore | None
    tickers: tuple[str, ...]
    data: str
    frequency: Frequency | None
    first: date | None
    cash: int
    speed: float
    approvals: ApprovalRules
    foreign: Foreign
    resting: Resting
    decide_at: tuple[time, ...]
    llm: LLMSpec | None

    def spec(self, settings: Settings, data: str, tickers: tuple[str, ...]) -> RunSpec:
        """The session as a replay would be specified: one spec describes both."""
        return RunSpec(
            strategy=self.file,
            data=data,
            tickers=tickers,
            prompt=None if self.version is None else self.version.number,
            cash=self.cash,
            limits=settings.limits,
            costs=settings.costs,
            fills=settings.fills,
            llm=self.llm,
        )


def understand(order: LiveOrder, settings: Settings) -> LivePlan:
    """Check everything that can be checked before any server is asked.

    Raises:
        ConfigError: an option that means nothing.
        StrategyError: the strategy file.
        PromptError: the prompt version.
    """
    live = settings.live
    strategy = load_strategy(strategy_path(order.strategy, settings))
    store, version = None, None
    if strategy.operates:
        store = PromptStore(settings.folder("prompts"), catalogue={f.name: f for f in FEATURES})
        version = store.current() if order.prompt is None else store.load(order.prompt)
    elif order.prompt is not None:
        raise ConfigError(
            f"{strategy.path.name} takes no prompt",
            hint="leave --prompt out, or use a strategy whose __init__ takes an operator",
        )
    cash = settings.backtest.cash if order.cash is None else order.cash
    if cash <= 0:
        raise ConfigError(f"starting cash {cash:,} won is impossible", hint="give a positive sum")
    names = [name for name in (order.tickers or "").replace(" ", "").split(",") if name]
    return LivePlan(
        order=order,
        strategy=strategy,
        file=relative_name(strategy.path, settings),
        version=version,
        pinned=order.prompt is not None,
        store=store,
        tickers=tuple(sorted(set(names or live.tickers))),
        data=order.data or settings.backtest.data,
        frequency=_frequency(order.frequency),
        first=parse_day(order.first, "--from"),
        cash=cash,
        speed=parse_speed(order.speed),
        approvals=_approvals(order.approve, live),
        foreign=cast(Foreign, order.foreign or live.foreign),
        resting=cast(Resting, order.resting or live.resting),
        decide_at=_times(order.decide_at, live),
        llm=_model(order, settings, operates=strategy.operates),
    )


def first_shown(plan: LivePlan, dataset: Dataset) -> date:
    """The day on which the embedded simulator begins.

    Raises:
        ConfigError: not a session of the dataset, or no day before it to see a close of.
    """
    sessions: list[date] = sorted({day.item() for day in dataset.timeline.astype("datetime64[D]")})
    if plan.first is not None:
        if plan.first not in sessions:
            raise ConfigError(
                f"--from {plan.first}: the dataset has no session on that day",
                hint=f"it covers {sessions[0]} to {sessions[-1]}",
            )
        return plan.first
    return sessions[max(len(sessions) - max(SHOWN_SESSIONS, plan.order.days or 0), 0)]


class Names(NamedTuple):
    """The universe of a session, and the data it came from, if any."""

    instruments: tuple[Instrument, ...]
    dataset: Dataset | None
    frequency: Frequency

    @property
    def tickers(self) -> tuple[str, ...]:
        """Sorted."""
        return tuple(each.ticker for each in self.instruments)


def names_of_dataset(plan: LivePlan, dataset: Dataset, first: date | None = None) -> Names:
    """The universe of a session over a dataset's names, those delisted before ``first`` left out.

    Raises:
        DataError: a ticker that is not in it, or all names are gone by then.
        ConfigError: another bar length was asked for.
    """
    chosen = dataset.only(plan.tickers) if plan.tickers else dataset
    if first is not None:
        chosen = chosen.only(
            ticker
            for ticker, name in chosen.instruments.items()
            if name.delisted is None or name.delisted >= first
        )
    found = dataset.frequency
    if plan.frequency not in (None, found):
        raise ConfigError(
            f"--frequency {plan.frequency}: dataset '{dataset.name}' has {found} bars",
            hint="leave it out, or use another --data",
        )
    instruments = tuple(chosen.instruments[ticker] for ticker in chosen.tickers)
    return Names(instruments, chosen, cast(Frequency, found))


def names_at_kis(plan: LivePlan, settings: Settings, folder: Path | None = None) -> Names:
    """The universe of a session on KIS itself: the dataset named, or tickers in KIS's masters.

    Raises:
        ConfigError: no name was chosen, or one is not listed.
        KISAPIError: the master files cannot be had.
    """
    if plan.order.data is not None:
        return names_of_dataset(plan, load_market(plan.data, settings.folder("datasets")))
    if not plan.tickers:
        raise ConfigError(
            "no names to trade",
            hint="--tickers 005930,000660, or tickers = [...] under [live] in kisbt.toml",
        )
    masters = MasterFiles(folder or default_cache())
    today, found = calendar.now().date(), {}
    for file in MARKETS:
        for record in masters.records(file, today):
            if record.ticker in plan.tickers:
                found[record.ticker] = record.instrument()
    missing = [ticker for ticker in plan.tickers if ticker not in found]
    if missing:
        raise ConfigError(
            f"not listed at KRX today: {', '.join(missing)}", hint="check --tickers (상장폐지?)"
        )
    frequency = plan.frequency or settings.live.frequency
    return Names(tuple(found[ticker] for ticker in plan.tickers), None, frequency)


def embedded_is_paced(plan: LivePlan) -> bool:
    """Whether the embedded simulator's time passes by itself."""
    return plan.speed != LOCKSTEP


def _model(order: LiveOrder, settings: Settings, *, operates: bool) -> LLMSpec | None:
    found = llm_spec(order.asks, settings)
    if found is not None and not operates:
        raise ConfigError(
            "this strategy asks no model", hint="leave --llm out, or use strategies/llm_trader.py"
        )
    return found


def _frequency(text: str | None) -> Frequency | None:
    if text not in (None, "1d", "1m", "5m"):
        raise ConfigError(f"--frequency {text}: not a bar length", hint="use 1d, 1m or 5m")
    return cast("Frequency | None", text)


def _approvals(text: str | None, live: LiveSettings) -> ApprovalRules:
    if text is None:
        return ApprovalRules(live.approve, live.approve_above, live.approve_minutes)
    if text in ("all", "none"):
        return ApprovalRules("all" if text == "all" else "none", 0, live.approve_minutes)
    won = text.removeprefix("above").strip(" :=").replace(",", "").replace("_", "")
    if not won.isdecimal():
        raise ConfigError(
            f"--approve {text}: not understood", hint="use all, none, or a sum of won as 1000000"
        )
    return ApprovalRules("above", int(won), live.approve_minutes)


def _times(text: str | None, live: LiveSettings) -> tuple[time, ...]:
    parts = live.decide_at if text is None else tuple(text.replace(" ", "").split(","))
    try:
        return tuple(sorted(time.fromisoformat(part) for part in parts))
    except ValueError:
        raise ConfigError(
            f"--decide-at {text}: not times of the day", hint="use 10:00,14:30"
        ) from None
