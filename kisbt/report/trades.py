"""``trades.csv``: every fill of a run, one a line, for a spreadsheet."""

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING

from kisbt.report.ledger import names_of
from kisbt.report.writing import write_whole

if TYPE_CHECKING:
    from kisbt.domain.result import RunResult

COLUMNS = (
    "time",
    "session",
    "ticker",
    "name",
    "side",
    "quantity",
    "price",
    "amount",
    "commission",
    "tax",
    "cash_after",
    "position_after",
    "order",
    "justification",
)
"""``time`` is ISO with +09:00 (the close of the bar that filled the order), ``session`` the trading
day, ``side`` BUY or SELL; ``quantity`` and ``position_after`` are shares, ``price`` won a share;
``amount``, ``commission``, ``tax`` and ``cash_after`` (D+2) won; ``order`` the order's reference in
this run; ``justification`` is the decision's own words, empty for an ordinary strategy."""

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def write_trades_csv(result: "RunResult", path: Path) -> Path:
    """Write all fills in order, warm-up included: this is a record, not a statistic.

    UTF-8 with a byte order mark, which Excel needs to see Korean. Text that a spreadsheet would
    take for a formula gets an apostrophe in front.

    Raises:
        ConfigError: the folder cannot be written.
    """
    names = names_of(result)
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for fill in result.fills:
        writer.writerow(
            (
                f"{fill.at.isoformat(timespec='seconds')}+09:00",
                fill.session.isoformat(),
                fill.ticker,
                _plain(names.get(fill.ticker, "")),
                fill.side.value,
                fill.quantity,
                fill.price,
                fill.amount,
                fill.commission,
                fill.tax,
                fill.cash_after,
                fill.position_after,
                _plain(fill.ref),
                _plain(result.reasons.get(fill.ref, "")),
            )
        )
    return write_whole(path, out.getvalue().encode("utf-8-sig"))


def _plain(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
