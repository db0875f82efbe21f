"""The probe command without its terminal."""

from collections.abc import Callable
from typing import Literal, NamedTuple

from kisbt.config import LLMSettings, Settings
from kisbt.data.store import load_dataset
from kisbt.errors import ConfigError
from kisbt.llm.meter import Budget, Meter
from kisbt.llm.probe import ProbeReport, run_probe
from kisbt.llm.shared import shared_client
from kisbt.run.prepare import parse_day


class ProbeOrder(NamedTuple):
    """The command line of ``kisbt probe``, as typed; ``None`` takes the settings' value."""

    model: str | None = None
    data: str | None = None
    tickers: str | None = None
    first: str | None = None
    last: str | None = None
    questions: int = 100
    seed: int = 0
    base_url: str | None = None
    llm: Literal["openai", "replay"] = "openai"


def llm_settings(order: ProbeOrder, settings: Settings) -> LLMSettings:
    """``[llm]`` with what the command line names instead.

    Raises:
        ConfigError: no model is named anywhere.
    """
    changes: dict[str, object] = {}
    if order.model is not None:
        changes["model"] = order.model
    if order.base_url is not None:
        changes["base_url"] = order.base_url
    chosen = settings.llm.model_copy(update=changes)
    if not chosen.model:
        raise ConfigError("no model to probe", hint="name one: --model, or [llm] model")
    return chosen


def probe_model(
    order: ProbeOrder, settings: Settings, *, progress: Callable[[int], None] | None = None
) -> ProbeReport:
    """Ask a model about a dataset's past, through the project's cache of recorded replies.

    Raises:
        ConfigError: no model, no key, a bad address or day, or a cache that cannot be used.
        DataError: no such dataset, name or period, or nothing in it to ask about.
        DeciderError: the model does not answer.
        StopRun: the budget is spent, or a replay misses a reply; the same command goes on.
    """
    chosen = llm_settings(order, settings)
    first, last = parse_day(order.first, "--from"), parse_day(order.last, "--to")
    dataset = load_dataset(order.data or settings.backtest.data, settings.folder("datasets"))
    names = [name for name in (order.tickers or "").replace(" ", "").split(",") if name]
    if names:
        dataset = dataset.only(names)
    client = shared_client(
        chosen,
        settings.llm_cache(),
        mode="replay" if order.llm == "replay" else "record",
        meter=Meter(Budget.from_settings(chosen)),
        label="probe",
    )
    return run_probe(
        dataset.between(first, last),
        client,
        model=chosen.model,
        count=order.questions,
        seed=order.seed,
        cutoff=chosen.cutoffs.get(chosen.model),
        workers=chosen.concurrency,
        progress=progress,
    )
