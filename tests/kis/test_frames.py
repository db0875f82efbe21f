import json
from datetime import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kisbt.kis.crypto import StreamKey, decrypt
from kisbt.kis.frames import Ack, FrameError, NoKeyYet, Ping, parse_control, parse_frame
from kisbt.kis.records import VenueStatus
from tests.kis.stream_texts import (
    BOOK,
    NOTICE_FIELDS_23,
    TRADE,
    TRADE_FIELDS,
    VENUE,
    ack,
    encrypt,
    encrypted,
    key,
)

KEYS = {"H0STCNI9": key(), "H0STCNI0": key()}

tr_ids = st.sampled_from(
    ["H0STCNT0", "H0STASP0", "H0STCNI9", "H0STMKO0", "H0STANC0", "H0UPCNT0", "H0XXXXX0", ""]
)


@given(st.one_of(st.text(), st.binary().map(lambda raw: raw.decode("utf-8", "replace"))))
def test_any_text_is_a_frame_or_a_frame_error(text: str) -> None:
    for parse in (parse_frame, parse_control):
        try:
            parse(text)
        except (FrameError, NoKeyYet):
            continue


@given(
    st.sampled_from("01"),
    tr_ids,
    st.one_of(st.integers(-3, 12).map("{:03d}".format), st.text(max_size=5)),
    st.lists(st.one_of(st.text(max_size=6), st.integers().map(str)), max_size=140),
)
def test_anything_in_the_shape_of_a_frame_is_read_or_dropped(
    flag: str, tr_id: str, count: str, fields: list[str]
) -> None:
    try:
        records = parse_frame(f"{flag}|{tr_id}|{count}|{'^'.join(fields)}", KEYS)
    except (FrameError, NoKeyYet):
        return
    assert records


@given(st.integers(0, len(TRADE)), st.text(max_size=3))
def test_damaged_frame_never_escapes(position: int, noise: str) -> None:
    for frame in (TRADE, BOOK, VENUE, encrypted("H0STCNI9", "^".join(NOTICE_FIELDS_23))):
        try:
            records = parse_frame(frame[:position] + noise + frame[position:], KEYS)
        except FrameError:
            continue
        for record in records:
            str(record)
            for name in ("at", "side", "strength", "asks", "bids", "vi_base", "expected_price"):
                getattr(record, name, None)


@given(st.integers(1, 6), st.integers(0, 5))
def test_records_are_split_by_count_at_any_width(count: int, extra: int) -> None:
    record = TRADE_FIELDS + ["9"] * extra
    fields = [field for number in range(count) for field in [f"{number:06d}", *record[1:]]]
    records = parse_frame(f"0|H0STCNT0|{count:03d}|{'^'.join(fields)}")
    assert [trade.ticker for trade in records] == [f"{number:06d}" for number in range(count)]
    assert {len(trade.fields) for trade in records} == {46 + extra}


def test_count_that_does_not_divide_the_fields_is_garbage() -> None:
    with pytest.raises(FrameError, match="count"):
        parse_frame(f"0|H0STCNT0|003|{'^'.join(TRADE_FIELDS + TRADE_FIELDS)}")


def test_fewer_fields_than_the_known_layout_is_garbage() -> None:
    with pytest.raises(FrameError):
        parse_frame(f"0|H0STCNT0|001|{'^'.join(TRADE_FIELDS[:-1])}")


@given(st.text(max_size=300))
def test_what_the_server_encrypts_we_decrypt(text: str) -> None:
    assert decrypt(encrypt(text, key()), key()) == text


def test_wrong_key_is_garbage_not_nonsense() -> None:
    frame = encrypted("H0STCNI9", "^".join(NOTICE_FIELDS_23))
    with pytest.raises(FrameError):
        parse_frame(frame, {"H0STCNI9": StreamKey("x" * 32, "y" * 16)})


def test_encrypted_frame_before_its_key_is_told_apart_from_garbage() -> None:
    with pytest.raises(NoKeyYet):
        parse_frame(encrypted("H0STCNI9", "a^b"), {})


def test_notice_does_not_print_account_login_or_holder() -> None:
    (notice,) = parse_frame(encrypted("H0STCNI9", "^".join(NOTICE_FIELDS_23)), KEYS)
    for secret in ("5012345601", "hts-login-7", "김한투"):
        assert secret not in repr(notice)
    assert notice.account == "5012345601"
    assert "abcdefgh" not in repr(key())


@pytest.mark.parametrize(
    ("place", "text"), [(2, ""), (4, "03"), (9, "x"), (11, "256199"), (8, "  ")]
)
def test_notice_with_a_broken_key_field_is_garbage(place: int, text: str) -> None:
    fields = list(NOTICE_FIELDS_23)
    fields[place] = text
    with pytest.raises(FrameError):
        parse_frame(encrypted("H0STCNI9", "^".join(fields)), KEYS)


def test_acceptance_notice_of_a_market_order_has_no_order_price() -> None:
    fields = [*NOTICE_FIELDS_23[:13], "1", "1", *NOTICE_FIELDS_23[15:22], ""]
    (notice,) = parse_frame(encrypted("H0STCNI9", "^".join(fields)), KEYS)
    assert not notice.is_fill
    assert notice.order_price is None
    assert notice.time == time(9, 49, 41)


def test_cancel_notice_names_its_order_and_its_stage() -> None:
    fields = list(NOTICE_FIELDS_23)
    fields[3], fields[5], fields[12], fields[13], fields[14] = "0000002890", "2", "1", "1", "3"
    (notice,) = parse_frame(encrypted("H0STCNI9", "^".join(fields)), KEYS)
    assert (notice.original, notice.change, notice.division) == ("0000002890", "2", "00")
    assert (notice.refused, notice.is_fill, notice.accepted) == (True, False, "3")
    assert (notice.branch, notice.order_quantity) == ("06010", 1)


def test_venue_status_of_ten_or_eleven_fields_is_read() -> None:
    for frame in (VENUE, VENUE + "^1"):
        (status,) = parse_frame(frame)
        assert isinstance(status, VenueStatus)
        assert (status.ticker, status.halted, status.reason) == ("396300", False, "")
        assert status.auction_phase == "311"
        assert not status.in_vi


def test_ping_keeps_its_text() -> None:
    text = '{"header":{"tr_id":"PINGPONG","datetime":"20260921101500"}}'
    assert parse_control(text) == Ping(text)


def test_ack_carries_the_key_and_what_was_said() -> None:
    found = parse_control(ack("H0STCNI9", "login"))
    assert found == Ack("H0STCNI9", "login", True, "OPSP0000", "SUBSCRIBE SUCCESS", key())


@pytest.mark.parametrize(
    ("code", "ok"), [("OPSP0002", True), ("OPSP0008", False), ("OPSP0011", False)]
)
def test_already_subscribed_counts_as_subscribed(code: str, ok: bool) -> None:
    found = parse_control(ack("H0STCNT0", "005930", code, "text"))
    assert isinstance(found, Ack)
    assert found.ok is ok
    assert found.key is None


def test_in_use_answer_without_ids_is_an_ack() -> None:
    text = json.dumps(
        {
            "header": {"tr_id": "(null)", "tr_key": "", "encrypt": "N"},
            "body": {"rt_cd": "9", "msg_cd": "OPSP8996", "msg1": "ALREADY IN USE appkey"},
        }
    )
    found = parse_control(text)
    assert isinstance(found, Ack)
    assert found.msg_cd == "OPSP8996"
