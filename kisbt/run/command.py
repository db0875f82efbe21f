"""The backtest command without its terminal: settings and options in, published runs out."""

from pathlib import Path
from typing import NamedTuple

from kisbt.config import Settings
from kisbt.errors import ConfigError
from kisbt.journal.database import DatabaseManager
from kisbt.run.backtest import run_backtest
from kisbt.run.prepare import Prepared, parse_day, prepare, relative_name, strategy_path
from kisbt.run.progress import progress_bar
from kisbt.run.publish import Published, check_writable, publish, publish_comparison
from kisbt.run.spec import RunSpec


class Order(NamedTuple):
    """The command line of ``kisbt backtest``, as typed; ``None`` takes the settings' value."""

    strategy: str | None = None
    data: str | None = None
    tickers: str | None = None
    first: str | None = None
    last: str | None = None
    prompts: tuple[int, ...] = ()
    cash: int | None = None
    benchmark: str | None = None


def with_language(settings: Settings, lang: str | None) -> Settings:
    """The settings with the command line's language, if it names one.

    Raises:
        ConfigError: a language that no page is written in.
    """
    if lang is None:
        return settings
    if lang not in ("ko", "en"):
        raise ConfigError(f"unknown language '{lang}'", hint="use ko or en")
    return settings.model_copy(update={"lang": lang})


def specs_of(order: Order, settings: Settings) -> list[RunSpec]:
    """One spec a prompt version asked for, or one.

    Raises:
        ConfigError: cash that is not positive, a bad day, a version named twice.
    """
    cash = settings.backtest.cash if order.cash is None else order.cash
    if cash <= 0:
        raise ConfigError(f"starting cash {cash:,} won is impossible", hint="give a positive sum")
    if len(set(order.prompts)) != len(order.prompts):
        raise ConfigError("a prompt version is named twice", hint="name each --prompt once")
    names = [name for name in (order.tickers or "").replace(" ", "").split(",") if name]
    return [
        RunSpec(
            strategy=relative_name(strategy_path(order.strategy, settings), settings),
            data=order.data or settings.backtest.data,
            tickers=tuple(sorted(set(names))),
            first=parse_day(order.first, "--from"),
            last=parse_day(order.last, "--to"),
            prompt=prompt,
            cash=cash,
            benchmark=order.benchmark or settings.backtest.benchmark,
            limits=settings.limits,
            costs=settings.costs,
            fills=settings.fills,
        )
        for prompt in (order.prompts or (None,))
    ]


def run_order(
    order: Order, settings: Settings, *, quiet: bool = False
) -> tuple[list[Published], Path | None]:
    """Replay every version asked for, publish each, and set several side by side.

    A version that is done stays done when a later one is interrupted or fails.

    Raises:
        TradingSystemError: whatever is wrong with options, data, strategy, prompt or journal.
    """
    specs = specs_of(order, settings)
    check_writable(settings.folder("results"))
    prepared: list[Prepared] = []
    for spec in specs:
        prepared.append(prepare(spec, settings, prepared[-1] if prepared else None))
    published = []
    with DatabaseManager(settings.journal_url()) as db:
        for ready in prepared:
            label = f"prompt {ready.version.number}" if ready.version else ready.strategy.path.stem
            with progress_bar(label, 2 * len(ready.tape), quiet=quiet) as advance:
                result = run_backtest(ready, settings, db, progress=advance)
            one = publish(result, settings)
            db.finish_run(result.run_id, "finished", one.metrics)
            published.append(one)
    if len(published) < 2:
        return published, None
    return published, publish_comparison([one.result for one in published], settings)
