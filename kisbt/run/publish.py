"""Writes what a finished replay leaves for people: one folder of pages and files a run."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from kisbt.config import Settings
from kisbt.domain.result import RunResult
from kisbt.errors import ConfigError
from kisbt.report.card import write_card
from kisbt.report.contest import Contest, Trials
from kisbt.report.metrics import compute_metrics
from kisbt.report.tearsheet import write_tearsheet
from kisbt.report.trades import write_trades_csv
from kisbt.report.writing import canonical_json, write_whole

if TYPE_CHECKING:
    from kisbt.report.verdicts import Judged


class Published(NamedTuple):
    """A result, its figures, and the files made of it."""

    result: RunResult
    metrics: dict[str, Any]
    tearsheet: Path | None
    trades: Path
    figures: Path
    card: Path


def check_writable(folder: Path) -> None:
    """Make the results folder before a long run, not after it.

    Raises:
        ConfigError: it cannot be made or written.
    """
    probe = folder / ".kisbt-write-test"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise ConfigError(
            f"results folder {folder} cannot be written: {error.strerror}",
            hint="choose another one in kisbt.toml, [paths] results",
        ) from error


def publish(result: RunResult, settings: Settings, *, page: bool = True) -> Published:
    """Write trades, metrics and run card of one run, and its tearsheet when ``page``."""
    folder = settings.folder("results") / result.run_id
    metrics = compute_metrics(result)
    done = Published(
        result,
        metrics,
        folder / "tearsheet.html" if page else None,
        folder / "trades.csv",
        folder / "metrics.json",
        folder / "card.json",
    )
    write_trades_csv(result, done.trades)
    write_whole(done.figures, canonical_json(metrics))
    write_card(result, done.card)
    if done.tearsheet is not None:
        write_tearsheet(result, done.tearsheet, settings.lang)
    return done


def publish_comparison(
    contest: Contest, trials: Trials, judged: "Judged | None", settings: Settings
) -> Path:
    """Write the page that sets several versions side by side."""
    from kisbt.report.comparison import write_comparison  # tests, and scipy with them

    last = contest.entries[-1].flat[-1]
    path = settings.folder("results") / f"comparison-{last.run_id}.html"
    return write_comparison(contest, path, settings.lang, trials, judged)
