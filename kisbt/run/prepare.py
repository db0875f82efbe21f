"""From a spec to everything a replay needs: data, tape, strategy, prompt, features."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from kisbt.adapter.tape import Tape
from kisbt.config import Settings
from kisbt.data.dataset import Dataset
from kisbt.data.features.catalogue import FEATURES
from kisbt.data.features.compute import compute_features
from kisbt.data.features.table import FeatureTable
from kisbt.data.store import load_market
from kisbt.domain.ports import Decider
from kisbt.domain.rules import Rule
from kisbt.errors import ConfigError, PromptError
from kisbt.llm.rulebook_decider import RulebookDecider
from kisbt.rulebook.store import PromptStore
from kisbt.rulebook.version import PromptVersion
from kisbt.run.loader import LoadedStrategy, load_strategy
from kisbt.run.replay import Brain
from kisbt.run.spec import RunSpec

DEFAULT_STRATEGY = "strategies/llm_trader.py"


@dataclass(frozen=True, slots=True)
class Prepared:
    """Everything that a replay of one spec runs on.

    ``whole`` holds the chosen names over all days, ``tape`` the period alone. ``warmup`` counts
    leading bars. ``features`` lie on all days up to the period's end.
    ``version`` is the stored version, rules that the spec leaves out included.
    """

    spec: RunSpec
    strategy: LoadedStrategy
    whole: Dataset
    tape: Tape
    version: PromptVersion | None
    features: FeatureTable | None
    warmup: int
    skipped: tuple[str, ...]

    @property
    def dataset(self) -> Dataset:
        """The bars of the period."""
        return self.tape.dataset

    def brain(self, decider: Decider | None = None) -> Brain | None:
        """``decider``, or a fresh rulebook, over the features; ``None`` for an ordinary strategy.

        A rule that the spec leaves out is enforced by nobody. The rulebook does not know of it
        either; a model still reads it in its prompt, so that replies can be used again.
        """
        if self.version is None or self.features is None:
            return None
        features = self.features.reader()
        if decider is not None:
            return Brain(decider, self.rules, features, self.warmup)
        followed = self.version.model_copy(update={"rules": self.rules})
        rulebook = RulebookDecider(followed, self.spec.limits, tick=_as_asked)
        return Brain(rulebook, self.rules, features, self.warmup)

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules that node 4 enforces."""
        rules = self.version.rules if self.version is not None else ()
        return tuple(rule for rule in rules if rule.id not in self.spec.without)


def _as_asked(_ticker: str, price: int) -> int:
    """A policy's limit price as it is: node 4 moves it to a tick of its day, and says so."""
    return price


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


def prepare(spec: RunSpec, settings: Settings, like: Prepared | None = None) -> Prepared:
    """Load and check everything before the first bar.

    Features are computed on all bars up to the period's end, so that a period starting inside
    the dataset needs no warm-up of its own. Data, tape and features of ``like`` are used again
    as far as its spec asks for the same names and days.

    Raises:
        DataError: dataset, ticker or period.
        StrategyError: the strategy file.
        PromptError: the prompt version.
        ConfigError: a prompt for a strategy that takes none.
    """
    strategy = load_strategy(strategy_path(spec.strategy, settings))
    again = like if like is not None and _same_names(like.spec, spec) else None
    whole = again.whole if again else _load(spec, settings)
    if again and (again.spec.first, again.spec.last) == (spec.first, spec.last):
        tape = again.tape
    else:
        tape = tape_of(whole, spec)
    if not strategy.operates:
        if spec.prompt is not None:
            raise ConfigError(
                f"{strategy.path.name} takes no prompt",
                hint="leave --prompt out, or use a strategy whose __init__ takes an operator",
            )
        if spec.llm is not None:
            raise ConfigError(
                f"{strategy.path.name} asks no model",
                hint="leave --llm out, or use a strategy whose __init__ takes an operator",
            )
        return Prepared(spec, strategy, whole, tape, None, None, 0, ())
    store = PromptStore(settings.folder("prompts"), catalogue={f.name: f for f in FEATURES})
    version = store.current() if spec.prompt is None else store.load(spec.prompt)
    unknown = sorted(set(spec.without) - {rule.id for rule in version.rules})
    if unknown:
        raise PromptError(f"prompt version {version.number} has no rule {', '.join(unknown)}")
    features = again.features if again and again.spec.last == spec.last else None
    if features is None:
        features = compute_features(whole.between(None, spec.last))
    hopeless = without_values(features, version.features)
    used = [name for name in version.features if name not in hopeless]
    skipped = tuple(name for name in version.features if name in hopeless)
    warmup = _warmup(features, used, len(tape))
    return Prepared(spec, strategy, whole, tape, version, features, warmup, skipped)


def without_values(features: FeatureTable, names: Iterable[str]) -> frozenset[str]:
    """Those of some features that this data cannot tell at all.

    A live-only one, or days since a listing that nobody knows, never has a value: the report
    then says that the prompt went without it.
    """
    return frozenset(
        name
        for name in names
        if name not in features.names or np.isnan(features.column(name)).all()
    )


def tape_of(whole: Dataset, spec: RunSpec) -> Tape:
    """The spec's period of a dataset, with the closes that were known when it begins."""
    earlier = None
    if spec.first is not None and spec.first > whole.first_day:
        earlier = whole.between(None, spec.first - timedelta(days=1))
    return Tape(whole.between(spec.first, spec.last), earlier)


def _load(spec: RunSpec, settings: Settings) -> Dataset:
    dataset = load_market(spec.data, settings.folder("datasets"))
    return dataset.only(spec.tickers) if spec.tickers else dataset


def _same_names(one: RunSpec, other: RunSpec) -> bool:
    return (one.data, one.tickers) == (other.data, other.tickers)


def _warmup(features: FeatureTable, used: list[str], bars: int) -> int:
    """Leading bars of the period on which some feature of the prompt has no value for any name."""
    if not used:
        return 0
    columns = [features.names.index(name) for name in used]
    there = ~np.isnan(features.values[len(features) - bars :, :, columns])
    ready = np.all(np.any(there, axis=1), axis=1)
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
