"""``kisbt reflect --schedule`` without its terminal: weekly rhythm around ``run_reflection``."""

import logging
from collections.abc import Callable
from datetime import datetime

from kisbt.config import Settings
from kisbt.errors import ConfigError
from kisbt.journal.controls import Controls
from kisbt.journal.database import DatabaseManager
from kisbt.reflection_graph.state import Asker, KISFigures
from kisbt.report.learning_words import OUTCOMES, of
from kisbt.run.reflect import Reflected, ReflectOrder, run_reflection
from kisbt.run.schedule import (
    PATIENT,
    SUNDAY,
    Patience,
    Rhythm,
    Waiting,
    WallClock,
    Weekly,
    last_reflection,
    stopping,
)

logger = logging.getLogger("kisbt.reflect")


def run_schedule(
    order: ReflectOrder,
    settings: Settings,
    *,
    asker: Asker | None = None,
    kis: KISFigures | None = None,
    rhythm: Rhythm = SUNDAY,
    clock: Waiting | None = None,
    patience: Patience = PATIENT,
    listen: Callable[[str, str], None] = lambda _level, _line: None,
    begun: Callable[[Weekly], None] = lambda _: None,
) -> None:
    """Reflect every week until SIGINT or SIGTERM.

    Args:
        order: What to reflect on.
        settings: Where things lie.
        asker: The model of M2, if any.
        kis: KIS's own figures for live periods, if any.
        rhythm: When.
        clock: Tells time and waits.
        patience: How failures are met.
        listen: Told level and line of every outcome, as the journal's alerts are.
        begun: Told of the rhythm before it begins; whoever keeps it can stop it.

    Raises:
        ConfigError: an end day, which would make every week the same reflection.
    """
    if order.until is not None or order.dry_run:
        raise ConfigError("--schedule goes on: leave --until and --dry-run out")
    kept = clock or WallClock()

    def reflect(tell: Callable[[str], None]) -> str:
        done = run_reflection(order, settings, asker=asker, kis=kis, tell=tell)
        return outcome_line(done, settings)

    def last() -> datetime | None:
        with DatabaseManager(settings.journal_url()) as db:
            return last_reflection(db)

    def notify(level: str, line: str) -> None:
        logger.info("%s", line)
        listen(level, line)
        with DatabaseManager(settings.journal_url()) as db:
            Controls(db).alert(None, level, line, at=kept.now())

    weekly = Weekly(
        reflect,
        last,
        notify,
        rhythm=rhythm,
        clock=kept,
        patience=patience,
    )
    begun(weekly)
    with stopping(weekly.stop):
        weekly.run()


def outcome_line(done: Reflected, settings: Settings) -> str:
    """A reflection's outcome in a line."""
    update = done.state.get("update") or {"outcome": "no_trades", "promoted": None}
    told = of(OUTCOMES, update["outcome"], settings.lang)
    if update.get("promoted"):
        told = f"{told} ({done.champion.number} → {update['promoted']})"
    return f"{done.reflection}: {told}"
