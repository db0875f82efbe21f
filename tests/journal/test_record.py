from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from kisbt.journal.record import TradeRecord, from_iso, iso, storable

GOOD = {
    "trade_id": "run-000001",
    "timestamp": "2024-01-02T15:30:00+09:00",
    "ticker": "005930",
    "action": "BUY",
    "quantity": 1,
    "price": 1,
}


@pytest.mark.parametrize(
    "wrong",
    [
        {"quantity": 0},
        {"quantity": -1},
        {"quantity": 1.5},
        {"quantity": 2**63},
        {"price": 0},
        {"price": float("nan")},
        {"price": float("inf")},
        {"ticker": "5930"},
        {"ticker": "00593O\n"},
        {"action": "HOLD"},
        {"timestamp": "2024-01-02T15:30:00"},
        {"timestamp": "2024-13-02T15:30:00+09:00"},
        {"timestamp": 20240102},
        {"market_snapshot": "not json"},
        {"market_snapshot": "[1]"},
        {"portfolio_before": object()},
        {"portfolio_before": "NaN"},
        {"pnl_7_days": float("nan")},
        {"pnl_7_days": float("inf")},
        {"pnl_7_days": -1.0001},
        {"pnl_30_days": 1_001.0},
        {"pnl_30_days": 1.0001, "action": "SELL"},
        {"trade_id": ""},
        {"unknown": 1},
    ],
)
def test_record_out_of_range_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TradeRecord.model_validate({**GOOD, **wrong})


def test_sell_may_have_lost_more_than_everything() -> None:
    assert TradeRecord.model_validate({**GOOD, "action": "SELL", "pnl_7_days": -2.5}).pnl_7_days


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2024, 1, 2, 15, 30),
        datetime(2024, 1, 2, 6, 30, tzinfo=UTC),
        "2024-01-02T06:30:00Z",
        "2024-01-02T15:30:00+09:00",
    ],
)
def test_timestamp_is_kept_in_korean_time(moment: object) -> None:
    record = TradeRecord.model_validate({**GOOD, "timestamp": moment})
    assert record.timestamp == "2024-01-02T15:30:00+09:00"


def test_json_is_taken_as_text_bytes_or_mapping() -> None:
    for given_as in ('{"a":1}', b'{"a":1}', {"a": 1}):
        record = TradeRecord.model_validate({**GOOD, "market_snapshot": given_as})
        assert record.market_snapshot == '{"a":1}'


@given(st.datetimes())
def test_iso_goes_there_and_back(at: datetime) -> None:
    assert from_iso(iso(at)) == at


@given(st.datetimes(), st.datetimes())
def test_iso_sorts_as_time_does(a: datetime, b: datetime) -> None:
    assert (iso(a) < iso(b)) == (a < b)


@given(st.text(alphabet=st.characters(codec=None, categories=None)))
def test_storable_text_encodes_and_changes_no_good_text(text: str) -> None:
    stored = storable(text)
    stored.encode()
    assert "\x00" not in stored
    assert len(stored) == len(text)
    assert all(a == b or b == "�" for a, b in zip(text, stored, strict=True))
