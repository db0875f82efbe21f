"""Which features a message shows, in which order and form, and how blind mode coarsens them."""

from bisect import bisect_right
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from operator import itemgetter
from statistics import median
from types import MappingProxyType
from typing import Self

from kisbt.data.features.catalogue import FEATURES
from kisbt.domain.rules import Condition
from kisbt.domain.state import FeatureRow
from kisbt.rulebook.version import MARKET_FEATURES, PromptVersion

_UNITS = {feature.name: feature.unit for feature in FEATURES}

_FORMS = {
    "pct": "%.2f",
    "ratio": "%.2f",
    "fraction": "%.3f",
    "index": "%.1f",
    "krw": "%.0f",
    "bars": "%.0f",
    "days": "%.0f",
    "flag": "%.0f",
}

_STEPS = (0.0, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
"""What a masked amount of won may read, in multiples of its unit."""

_DAY_STEPS = (0.0, 5.0, 10.0, 20.0, 40.0, 60.0, 90.0, 120.0, 250.0, 500.0, 1000.0)
"""What a masked number of days may read."""

_REMEMBERED = 256
"""Patterns of missing values whose form of a line is kept."""

Values = Sequence[float | None]
Coarse = Callable[[float | None], float | None]


class Columns:
    """The columns of one table.

    Blind mode lowers amounts of won and days to steps, because the exact figure would name the
    share. Thresholds that the prompt tests are steps themselves, so ``>=`` and ``<`` hold for a
    step exactly when they hold for the figure. The unit of an amount is the prompt's smallest
    threshold on it, or the median of the names shown when it tests none. A feature that is not
    in the catalogue is left out: nobody knows what it would give away.

    Args:
        features: Their names, in the order shown.
        blind: Whether to coarsen.
        thresholds: Positive sizes that a prompt tests, ascending, by feature.
    """

    def __init__(
        self,
        features: Sequence[str],
        *,
        blind: bool,
        thresholds: Mapping[str, Sequence[float]] = MappingProxyType({}),
    ) -> None:
        shown = [f for f in features if not blind or f in _UNITS]
        self.market = tuple(name for name in shown if name in MARKET_FEATURES)
        self._market = [(f'"{name}":', name, _FORMS[_UNITS[name]]) for name in self.market]
        self.names = tuple(name for name in shown if name not in MARKET_FEATURES)
        self._read = itemgetter(*self.names, *self.names[:1]) if self.names else None
        forms = [_FORMS.get(_UNITS.get(name, ""), "%.6g") for name in self.names]
        self._coarse: list[tuple[int, str, Coarse | None]] = []
        if blind:
            for index, name in enumerate(self.names):
                unit = _UNITS[name]
                if unit == "krw":
                    forms[index] = "%g"
                    self._coarse.append((index, name, _amount(thresholds.get(name, ()))))
                elif unit == "days":
                    forms[index] = "%g"
                    edges = sorted({*_DAY_STEPS, *thresholds.get(name, ())})
                    self._coarse.append((index, name, _floor(edges)))
        self._forms = forms
        self._row = self._form_without(())
        self._gaps: dict[tuple[int, ...], str] = {}

    @classmethod
    def of(cls, version: PromptVersion, *, blind: bool) -> Self:
        """The features that a prompt version lists."""
        return cls(version.features, blind=blind, thresholds=_thresholds(version))

    def texts(self, rows: Mapping[str, FeatureRow]) -> dict[str, str]:
        """The end of each name's JSON line: ``,"change_pct":1.20,...}``."""
        if not self._coarse:
            return {ticker: self._text(self._values(row)) for ticker, row in rows.items()}
        lowered = [
            (index, coarse or _share_of_median(row.get(name) for row in rows.values()))
            for index, name, coarse in self._coarse
        ]
        texts = {}
        for ticker, row in rows.items():
            values = list(self._values(row))
            for index, coarse in lowered:
                values[index] = coarse(values[index])
            texts[ticker] = self._text(values)
        return texts

    def market_text(self, rows: Mapping[str, FeatureRow]) -> str:
        """The market-wide features as one JSON object; they are the same in every row."""
        row = next(iter(rows.values()), {})
        parts = []
        for head, name, form in self._market:
            value = row.get(name)
            parts.append(head + ("null" if value is None else form % value))
        return "{" + ",".join(parts) + "}"

    def _values(self, row: FeatureRow) -> Values:
        if self._read is None:
            return ()
        try:
            values: Values = self._read(row)[:-1]
            return values
        except KeyError:  # a row without some feature
            return tuple(row.get(name) for name in self.names)

    def _text(self, values: Values) -> str:
        if None not in values:
            return self._row % tuple(values)
        missing = tuple([index for index, value in enumerate(values) if value is None])
        form = self._gaps.get(missing)
        if form is None:
            if len(self._gaps) >= _REMEMBERED:
                self._gaps.clear()
            form = self._gaps[missing] = self._form_without(missing)
        return form % tuple([value for value in values if value is not None])

    def _form_without(self, missing: Container[int]) -> str:
        """The form of a line in which these columns have no value."""
        cells = [
            f',"{name}":{"null" if index in missing else form}'
            for index, (name, form) in enumerate(zip(self.names, self._forms, strict=True))
        ]
        return "".join(cells) + "}"


def masked_condition(condition: Condition, unit: float | None) -> Condition:
    """The condition with its threshold in multiples of ``unit``."""
    if unit is None:
        return condition
    return condition.model_copy(update={"value": condition.value / unit})


def units_of(version: PromptVersion) -> dict[str, float]:
    """What blind mode measures each amount of won in: the prompt's smallest threshold on it."""
    return {
        name: min(values)
        for name, values in _thresholds(version).items()
        if _UNITS.get(name) == "krw"
    }


def _thresholds(version: PromptVersion) -> dict[str, tuple[float, ...]]:
    found: dict[str, set[float]] = {}
    conditions = [*version.policy.conditions(), *(c for rule in version.rules for c in rule.when)]
    for condition in conditions:
        if condition.value:
            found.setdefault(condition.feature, set()).add(abs(condition.value))
    return {name: tuple(sorted(values)) for name, values in found.items()}


def _amount(thresholds: Sequence[float]) -> Coarse | None:
    if not thresholds:
        return None
    unit = thresholds[0]
    lower = _floor(sorted({*_STEPS, *(value / unit for value in thresholds)}))
    return lambda value: None if value is None else lower(value / unit)


def _share_of_median(values: Iterable[float | None]) -> Coarse:
    known = [abs(value) for value in values if value is not None]
    unit = median(known) if known else 0.0
    lower = _floor(_STEPS)
    return lambda value: None if value is None or unit <= 0 else lower(value / unit)


def _floor(edges: Sequence[float]) -> Coarse:
    def lower(value: float | None) -> float | None:
        if value is None:
            return None
        if value < 0:
            return -edges[bisect_right(edges, -value) - 1]
        return edges[bisect_right(edges, value) - 1]

    return lower
