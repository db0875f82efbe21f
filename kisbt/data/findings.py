"""What a check says of data: one finding a row or a run of rows, with a proposal."""

from collections.abc import Iterable
from datetime import date, datetime
from enum import StrEnum
from typing import Any, NamedTuple


class Severity(StrEnum):
    """``error``: wrong, results on it would be too. ``warning``: look at it. ``info``: normal."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Finding(NamedTuple):
    """One finding.

    ``kind`` is a short word such as ``"ohlc"`` or ``"gap"``; ``at`` is the day (or time) of the
    first row concerned; ``detail`` names the rows; ``proposal`` says what kisbt would do or did.
    """

    kind: str
    severity: Severity
    ticker: str
    at: date | datetime | None
    detail: str
    proposal: str

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return self._asdict()


def errors(findings: Iterable[Finding]) -> list[Finding]:
    """The findings that are errors."""
    return [one for one in findings if one.severity is Severity.ERROR]


def listed(places: Iterable[Any], limit: int = 3) -> str:
    """``a, b, c and 12 more``."""
    all_places = [str(place) for place in places]
    more = len(all_places) - limit
    return ", ".join(all_places[:limit]) + (f" and {more} more" if more > 0 else "")
