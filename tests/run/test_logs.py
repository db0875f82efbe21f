"""Logs of a session: JSON lines, bounded, clean."""

import json
import logging
from datetime import date, datetime
from pathlib import Path

import pytest

from kisbt.domain.trading import Fill, OrderEvent, OrderState, Side
from kisbt.errors import ConfigError
from kisbt.kis.redact import Redactor
from kisbt.run.live_notice import TradeLog
from kisbt.run.logs import logging_to

AT = datetime(2025, 3, 3, 9, 0)


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_line_is_one_object_without_secrets(tmp_path: Path) -> None:
    with logging_to(tmp_path, Redactor("PSsecretkey", "50123456")):
        logger = logging.getLogger("kisbt.anything")
        try:
            raise ValueError("appsecret=hunter2hunter2")
        except ValueError:
            logger.exception("계좌 %s 실패", "50123456", extra={"facts": {"key": "PSsecretkey"}})
        logger.debug("not kept")
    (line,) = lines(tmp_path / "kisbt.log")
    assert (line["level"], line["logger"], line["message"]) == (
        "error", "kisbt.anything", "계좌 *** 실패",
    )  # fmt: skip
    assert line["key"] == "***"
    assert "hunter2" not in str(line["trace"])
    assert str(line["at"]).endswith("+09:00")


def test_trades_have_a_log_of_their_own(tmp_path: Path) -> None:
    told: list[tuple[str, str]] = []
    with logging_to(tmp_path, Redactor()):
        log = TradeLog(lambda level, text: told.append((level, text)))
        log.record_order(
            OrderEvent("O1", AT, "005930", Side.BUY, 3, 70_000, OrderState.REJECTED, 0, "잔고 부족")
        )
        log.record_fill(
            Fill("O2", 1, AT, date(2025, 3, 3), "005930", Side.SELL, 3, 71_000, 1, 2, 100, 0)
        )
        logging.getLogger("kisbt.kis").info("not a trade")
    order, fill = lines(tmp_path / "trades.log")
    assert (order["event"], order["state"], order["level"]) == ("order", "rejected", "warning")
    assert (fill["event"], fill["price"], fill["position_after"]) == ("fill", 71_000, 0)
    assert len(lines(tmp_path / "kisbt.log")) == 3
    assert [level for level, _ in told] == ["warning", "info"]


def test_logs_stay_within_their_bound(tmp_path: Path) -> None:
    with logging_to(tmp_path, Redactor(), megabytes=0.01, files=3):
        logger = logging.getLogger("kisbt.noise")
        for number in range(1_000):
            logger.info("line %d %s", number, "x" * 80)
    kept = list(tmp_path.glob("kisbt.log*"))
    assert len(kept) == 3
    assert sum(path.stat().st_size for path in kept) <= 31_000
    assert "line 999 " in (tmp_path / "kisbt.log").read_text(encoding="utf-8")


def test_a_log_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    with logging_to(tmp_path, Redactor()) as logs:
        logger = logging.getLogger("kisbt.full")
        logger.info("fine")
        assert not logs.failed
        for handler in logging.getLogger("kisbt").handlers:
            if Path(getattr(handler, "baseFilename", "/")).is_relative_to(tmp_path):
                handler.stream.close()  # type: ignore[attr-defined]
        logger.info("lost")
        assert logs.failed


def test_a_log_folder_that_cannot_be_made_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with (
        pytest.raises(ConfigError, match="log folder"),
        logging_to(tmp_path / "file" / "logs", Redactor()),
    ):
        raise AssertionError("unreachable")
