"""The command line of ``kisbt backtest`` and what it asks for: specs, a model, a server."""

from typing import Literal, NamedTuple

from kisbt.config import Settings
from kisbt.errors import ConfigError
from kisbt.run.prepare import parse_day, relative_name, strategy_path
from kisbt.run.spec import LLMSpec, RunSpec

EngineName = Literal["local", "dask", "ray"]
DeciderName = Literal["rulebook", "openai", "replay"]


class Order(NamedTuple):
    """The command line of ``kisbt backtest``, as typed; ``None`` takes the settings' value.

    ``jobs`` of ``None`` is one process for few replays and all processors for many.
    """

    strategy: str | None = None
    data: str | None = None
    tickers: str | None = None
    first: str | None = None
    last: str | None = None
    prompts: tuple[int, ...] = ()
    cash: int | None = None
    benchmark: str | None = None
    seeds: int = 1
    folds: int = 1
    leave_one_out: bool = False
    jobs: int | None = None
    engine: EngineName = "local"
    cluster: str | None = None
    llm: DeciderName = "rulebook"
    model: str | None = None
    base_url: str | None = None
    draws: int | None = None
    blind: bool = True
    charge_llm_cost: bool = False
    budget_krw: float | None = None
    budget_calls: int | None = None


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
    llm = llm_spec(order, settings)
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
            llm=llm,
        )
        for prompt in (order.prompts or (None,))
    ]


def with_llm(order: Order, settings: Settings) -> Settings:
    """The settings with the command line's server and budget."""
    asked = {
        "base_url": order.base_url,
        "budget_krw": order.budget_krw,
        "budget_calls": order.budget_calls,
    }
    asked = {name: value for name, value in asked.items() if value is not None}
    return settings.model_copy(update={"llm": settings.llm.model_copy(update=asked)})


def llm_spec(order: Order, settings: Settings) -> LLMSpec | None:
    """The model that decides; ``None`` is the rulebook.

    Raises:
        ConfigError: an option of the model without one, no model, or a cluster for a live one.
    """
    if order.llm == "rulebook":
        for option, given in (
            ("--model", order.model),
            ("--base-url", order.base_url),
            ("--draws", order.draws),
            ("--no-blind", not order.blind),
            ("--charge-llm-cost", order.charge_llm_cost),
            ("--budget-krw", order.budget_krw),
            ("--budget-calls", order.budget_calls),
        ):
            if given not in (None, False):
                raise ConfigError(
                    f"{option} needs a model", hint="add --llm openai, or --llm replay"
                )
        return None
    if order.llm == "openai" and order.engine != "local":
        raise ConfigError(
            "a model is asked from one process: waiting overlaps there, and so does the budget",
            hint="record with --engine local; --llm replay may then run on a cluster",
        )
    model = order.model or settings.llm.model
    if not model:
        raise ConfigError("no model is named", hint="use --model, or set llm.model in kisbt.toml")
    llm = settings.llm
    return LLMSpec(
        mode=order.llm,
        model=model,
        temperature=llm.temperature,
        seed=llm.seed,
        max_tokens=llm.max_tokens,
        draws=llm.draws if order.draws is None else order.draws,
        min_agreement=llm.min_agreement,
        blind=order.blind,
        charge_costs=order.charge_llm_cost or llm.charge_costs,
    )
