"""Drift after each close: a table on the day's page, and an alert beyond the budget."""

from collections.abc import Sequence
from datetime import date

from kisbt.config import Settings
from kisbt.domain.ports import Notifier
from kisbt.errors import TradingSystemError
from kisbt.journal.database import DatabaseManager
from kisbt.report.live_day import LiveDay
from kisbt.run.drift import PARTS, Drift, DriftRun, days_of
from kisbt.run.prepare import Prepared

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
        notifier: Told of drift beyond the budget.
    """

    def __init__(
        self,
        db: DatabaseManager,
        settings: Settings,
        notifier: Notifier,
    ) -> None:
        self._db, self._settings, self._notifier = db, settings, notifier
        self._known: dict[tuple[str, date], Drift] = {}
        self._like: Prepared | None = None
        self._reach = max(SPAN, settings.gate.rollback_drift_days)

    def beyond_budget(self) -> dict[date, bool]:
        """Every day whose drift is known: whether it alone was beyond the budget of five."""
        budget = self._settings.live.drift_budget_bp
        found: dict[date, bool] = {}
        for (_, day), drift in self._known.items():
            over = abs(drift.basis_points(drift.total)) > budget
            found[day] = over or found.get(day, False)
        return found

    def __call__(self, day: LiveDay) -> list[tuple[str, list[list[str]]]]:
        """The day's table."""
        run_id, known = day.run_id, self._known
        try:
            days = [each for each in days_of(self._db, run_id) if each <= day.session]
            days = days[-self._reach :]
            fresh = [each for each in days if (run_id, each) not in known]
            if fresh:  # a session without a bar has none
                again = DriftRun(self._db, self._settings, run_id, fresh[-1], like=self._like)
                self._like = again.ready
                for each in fresh:
                    known[run_id, each] = again.drift(each)
        except (TradingSystemError, ValueError) as error:  # or a journal that contradicts itself
            self._notifier.notify("info", f"{day.session} 드리프트를 계산하지 못함: {error}")
            return []
        found = [known[run_id, each] for each in days[-SPAN:]]
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
