"""Step 9 after each close: the version in force, if it does harm, is in force no more tomorrow."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date

from kisbt.config import Settings
from kisbt.domain.ports import Notifier
from kisbt.journal.database import DatabaseManager
from kisbt.report.live_day import LiveDay
from kisbt.rulebook.store import PromptStore
from kisbt.rulebook.version import PromptVersion
from kisbt.run.paired import DayReturns
from kisbt.run.reflect import beside
from kisbt.run.rollback import Watched, watch

LOCK_SECONDS = 5.0
"""How long a reflection that is at work is waited for; the next close looks again."""


class RollbackDuty:
    """Called with each day that is over, after the day's drift is known; meets ``DoneDay``.

    Moves the pointer and nothing else: the session follows it at its next trading day, as it
    follows a promotion. Like ``kisbt reflect`` it waits for nobody's approval: the way back is the
    careful one. A look that fails is said, and ends nothing.

    Args:
        db: The open journal.
        prompts: The versions, and the pointer that the session follows.
        settings: Limits of gate and account.
        notifier: Told of a rollback, and of a look that failed.
        drift: Tells which days' drift was beyond the budget.
    """

    def __init__(
        self,
        db: DatabaseManager,
        prompts: PromptStore,
        settings: Settings,
        notifier: Notifier,
        drift: Callable[[], Mapping[date, bool]] | None = None,
    ) -> None:
        self._db, self._prompts, self._settings = db, prompts, settings
        self._notifier = notifier
        self._drift = drift
        self._replayed: dict[tuple[str, ...], list[DayReturns]] = {}

    def __call__(self, day: LiveDay) -> list[tuple[str, list[list[str]]]]:
        """The day's table: what was found, if the gate promoted the version in force."""
        try:
            found = self._look(day.session)
        except Exception as error:  # whatever it is: the session and its next day go on
            english = self._settings.lang == "en"
            what = "prompt version not looked after" if english else "프롬프트 버전을 감시하지 못함"
            self._notifier.notify("alert", f"{day.session} {what}: {error}")
            return []
        return [] if found is None else [self._table(found)]

    def _look(self, session: date) -> Watched | None:
        return watch(
            self._db,
            self._prompts,
            self._settings,
            replays=lambda versions: self._until(session, versions),
            drift=None if self._drift is None else self._drift(),
            notify=self._notifier.notify,
            wait=LOCK_SECONDS,
        )

    def _until(self, session: date, versions: Sequence[PromptVersion]) -> list[DayReturns]:
        """Replays up to the session: what a simulator's data has after it is not looked at.

        A replay is causal, so one that covers the session is cut and not made again.
        """
        key = tuple(version.hash for version in versions)
        found = self._replayed.get(key)
        if found is None or any(not each.days or each.days[-1] < session for each in found):
            found = self._replayed[key] = beside(versions, self._db, self._settings)
        return [_cut(each, session) for each in found]

    def _table(self, found: Watched) -> tuple[str, list[list[str]]]:
        if self._settings.lang == "en":
            title, head = "Watch over the version in force", ["sessions", "bet", "live days", ""]
        else:
            title, head = "버전 감시", ["비교한 거래일", "베팅 자산", "실거래일", "결과"]
        bet = f"{found.wealth:.2f} / {found.needed:.0f}"
        row = [str(found.days), bet, str(found.live_days), found.line(self._settings.lang)]
        return title, [head, row]


def _cut(found: DayReturns, last: date) -> DayReturns:
    """The days up to ``last``; a replay without any is told as failed."""
    count = sum(day <= last for day in found.days)
    if not count:
        return found._replace(failed=found.failed or f"no day up to {last}")
    return found._replace(days=found.days[:count], returns=found.returns[:count])
