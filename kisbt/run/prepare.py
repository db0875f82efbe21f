"""From a spec to everything a replay needs: data, tape, strategy, prompt, features."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from kisbt.adapter.tape import Tape
from kisbt.config import Settings
from kisbt.data.dataset import Dataset
from kisbt.data.features.catalogue import FEATURES
from kisbt.data.features.compute import compute_features
from kisbt.data.store import load_dataset
from kisbt.errors import ConfigError
from kisbt.llm.rulebook_decider import RulebookDecider
from kisbt.rulebook.store import PromptStore
from kisbt.rulebook.version import PromptVersion
from kisbt.run.loader import LoadedStrategy, load_strategy
from kisbt.run.replay import Brain
from kisbt.run.spec import RunSpec

DEFAULT_STRATEGY = "strategies/llm_trader.py"


@dataclass(frozen=True, slots=True)
class Prepared:
    """Everything that a replay of one spec runs on. ``warmup`` counts leading bars."""

    spec: RunSpec
    strategy: LoadedStrategy
    dataset: Dataset
    tape: Tape
    version: PromptVersion | None
    features: Any
    warmup: int
    skipped: tuple[str, ...]

    def brain(self) -> Brain | None:
        """A fresh decider over the shared features; ``None`` for an ordinary strategy."""
        if self.version is None:
            return None
        decider = RulebookDecider(self.version, self.spec.limits)
        return Brain(decider, self.version.rules, self.features)


def strategy_path(text: str | None, settings: Settings) -> Path:
    """The strategy file: as given from here, or from the project root."""
    path = Path(text or settings.backtest.strategy or DEFAULT_STRATEGY).expanduser()
    if path.is_absolute() or path.is_file():
        return path.resolve()
    return (settings.root / path).resolve()


def relative_name(path: Path, settings: Settings) -> str:
    """A path as the run card names it: relative to the project root where it lies inside."""
    try:
        return path.relative_to(settings.root.resolve()).as_posix()
    except ValueError:
        return path.as_posix()


def prepare(spec: RunSpec, settings: Settings) -> Prepared:
    """Load and check everything before the first bar.

    Features are computed on all bars up to the period's end, so that a period starting inside
    the dataset needs no warm-up of its own.

    Raises:
        DataError: dataset, ticker or period.
        StrategyError: the strategy file.
        PromptError: the prompt version.
        ConfigError: a prompt for a strategy that takes none.
    """
    strategy = load_strategy(strategy_path(spec.strategy, settings))
    dataset = load_dataset(spec.data, settings.folder("datasets"))
    if spec.tickers:
        dataset = dataset.only(spec.tickers)
    period = dataset.between(spec.first, spec.last)
    tape = Tape(period)
    if not strategy.operates:
        if spec.prompt is not None:
            raise ConfigError(
                f"{strategy.path.name} takes no prompt",
                hint="leave --prompt out, or use a strategy whose __init__ takes an operator",
            )
        return Prepared(spec, strategy, period, tape, None, None, 0, ())
    store = PromptStore(settings.folder("prompts"))
    version = store.current() if spec.prompt is None else store.load(spec.prompt)
    features = compute_features(dataset.between(None, spec.last or None))
    kept = features.names
    live_only = {one.name for one in FEATURES if not one.history}
    skipped = tuple(name for name in version.features if name in live_only)
    used = [name for name in version.features if name in kept]
    warmup = _warmup(features, used, len(tape))
    return Prepared(spec, strategy, period, tape, version, features, warmup, skipped)


def _warmup(features: Any, used: list[str], bars: int) -> int:
    """Leading bars of the period on which some feature of the prompt has no value for any name."""
    if not used:
        return 0
    columns = [features.names.index(name) for name in used]
    there = ~np.isnan(features.values[len(features) - bars :, :, columns])
    ready = there.any(axis=1).all(axis=1)
    return int(np.argmax(ready)) if ready.any() else bars


def parse_day(text: str | None, option: str) -> date | None:
    """A day of the command line, ``YYYY-MM-DD``.

    Raises:
        ConfigError: not such a day.
    """
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"{option} {text!r} is not a day", hint="use YYYY-MM-DD") from None
