"""All files of one run."""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from kisbt.report.card import write_card, write_metrics
from kisbt.report.tearsheet import write_tearsheet
from kisbt.report.trades import write_trades_csv
from kisbt.report.wording import Lang

if TYPE_CHECKING:
    from kisbt.domain.result import RunResult


class RunFiles(NamedTuple):
    """Where the files of one run are."""

    tearsheet: Path
    trades: Path
    metrics: Path
    card: Path


def write_run_files(result: "RunResult", folder: Path, lang: Lang = "ko") -> RunFiles:
    """Write tearsheet, trades, metrics and run card of one run into a folder.

    The card comes last: a folder with a card is complete.

    Raises:
        ConfigError: the folder cannot be written.
    """
    return RunFiles(
        tearsheet=write_tearsheet(result, folder / "tearsheet.html", lang),
        trades=write_trades_csv(result, folder / "trades.csv"),
        metrics=write_metrics(result, folder / "metrics.json"),
        card=write_card(result, folder / "card.json"),
    )
