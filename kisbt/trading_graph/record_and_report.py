"""Node 6 of 6: write the tick down, whatever its ending, and say it in one line."""

import logging

from kisbt.domain.state import TickReport, TradingState
from kisbt.errors import JournalError
from kisbt.trading_graph.desk import AtDesk

logger = logging.getLogger(__name__)


def record_and_report(state: TradingState, runtime: AtDesk) -> TradingState:
    """Journal the whole state with its report; tell a person about a failure.

    Reads everything. Writes ``report``.

    Raises:
        JournalError: the record could not be written. Nothing may be traded that is not recorded,
            so this one ends the run.
    """
    desk = runtime.context
    report = summarise(state)
    try:
        desk.journal.record_tick({**state, "report": report})
    except JournalError:
        raise
    except Exception as error:
        number = state["tick"].number
        raise JournalError(f"tick {number} could not be recorded: {error}") from error
    if "failure" in state:
        try:
            desk.notifier.notify("alert", report.line)
        except Exception:
            logger.warning("nobody could be told: %s", report.line, exc_info=True)
    return {"report": report}


def summarise(state: TradingState) -> TickReport:
    """Return how the tick ended, in a word and in a line."""
    receipts = state.get("receipts", ())
    sent = sum(receipt.accepted for receipt in receipts)
    if "failure" in state:
        failure = state["failure"]
        already = f" (주문 {sent}건은 이미 나감)" if sent else ""
        return TickReport.made(
            ending="hold", line=f"보류: {failure.node}: {failure.error}{already}"
        )
    waiting = sum(bool(receipt.approval) for receipt in receipts)
    if sent or waiting:
        counts = (
            (sent, "접수"),
            (len(receipts) - sent - waiting, "거부"),
            (waiting, "승인 대기"),
        )
        said = ", ".join(f"{count}건 {what}" for count, what in counts if count)
        return TickReport.made(ending="traded" if sent else "waiting", line=f"주문 {said}")
    asked = len(state["verdicts"])
    line = f"결정 {asked}건 중 주문 없음" if asked else "결정 없음"
    return TickReport.made(ending="nothing_passed", line=line)
