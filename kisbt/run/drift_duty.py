"""Drift after each close: a table on the day's page, and an alert beyond the budget."""

from collections.abc import Callable, Sequence

from kisbt.config import Settings
from kisbt.domain.ports import Notifier
from kisbt.errors import TradingSystemError
from kisbt.journal.database import DatabaseManager
from kisbt.report.live_day import LiveDay
from kisbt.run.drift import PARTS, Drift, days_of, drift_of

SPAN = 5
"""Days whose drift is summed up."""

_KOREAN = {
    "data": "데이터", "decision": "판단", "timing": "시점", "fill": "체결", "cost": "비용",
    "unexplained": "설명 안 됨",
}  # fmt: skip


class DriftDuty:
    """Called with each day that is over; meets ``live_days.DoneDay``.

    A day that cannot be run again is said, and ends nothing.

    Args:
        db: The open journal.
        settings: Where data and prompts lie; the budget.
        run_id: Tells the run.
        notifier: Told of drift beyond the budget.
    """

    def __init__(
        self,
        db: DatabaseManager,
        settings: Settings,
        run_id: Callable[[], str],
        notifier: Notifier,
    ) -> None:
        self._db, self._settings = db, settings
        self._run_id, self._notifier = run_id, notifier

    def __call__(self, day: LiveDay) -> list[tuple[str, list[list[str]]]]:
        """The day's table."""
        try:
            days = [each for each in days_of(self._db, day.run_id) if each <= day.session]
            found = drift_of(self._db, self._settings, day.run_id, days[-SPAN:])
        except TradingSystemError as error:
            self._notifier.notify("info", f"{day.session} 드리프트를 계산하지 못함: {error}")
            return []
        said = beyond(found, self._settings.live.drift_budget_bp)
        if said:
            self._notifier.notify("alert", said)
        english = self._settings.lang == "en"
        return [("Drift" if english else "백테스트와의 차이 (드리프트)", _rows(found, english))]


def beyond(found: Sequence[Drift], budget_bp: float) -> str:
    """What to say when the drift of these days together is beyond the budget; else nothing."""
    bp = sum(each.basis_points(each.total) for each in found)
    if abs(bp) <= budget_bp:
        return ""
    sums = {part: sum(getattr(each, part) for each in found) for part in PARTS}
    most = max(PARTS, key=lambda part: abs(sums[part]))
    return (
        f"드리프트 {len(found)}일 합계 {bp:+.1f}bp (한도 {budget_bp:g}bp), "
        f"가장 큰 원인: {_KOREAN[most]} {sums[most]:+,}원"
    )


def _rows(found: Sequence[Drift], english: bool) -> list[list[str]]:
    names = [part if english else _KOREAN[part] for part in PARTS]
    head = ["day" if english else "거래일", "won" if english else "차이 (원)", "bp", *names]
    return [
        head,
        *(
            [f"{each.day}", f"{each.total:+,}", f"{each.basis_points(each.total):+.2f}",
             *(f"{getattr(each, part):+,}" for part in PARTS)]
            for each in found
        ),
    ]  # fmt: skip
