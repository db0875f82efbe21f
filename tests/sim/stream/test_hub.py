"""Registrations, frames and notices."""

import json
from datetime import timedelta

import pytest

from kisbt.sim.flavour import Flavour
from kisbt.sim.stream import layouts
from kisbt.sim.stream.layouts import Layout
from tests.sim.rest.caller import Caller, band
from tests.sim.rest.conftest import DATA
from tests.sim.stream.listener import Listener
from tests.sim.venue import simulator

NOTICE = layouts.notice_fields(26)


def opened(**options):
    options.setdefault("flavours", (Flavour.PAPER, Flavour.REAL))
    sim = simulator(DATA, **options)
    sim.advance_to(sim.target("open"))
    sim.advance_to(sim.now.replace(hour=10, minute=5))
    return sim


def ten_minutes(sim):
    sim.advance_to(sim.now + timedelta(minutes=10))


def test_an_acknowledgement_carries_key_and_iv():
    listener = Listener(opened())
    ack = listener.ask("H0STCNT0", "005930")
    assert ack["header"] == {"tr_id": "H0STCNT0", "tr_key": "005930", "encrypt": "N"}
    assert (ack["body"]["rt_cd"], ack["body"]["msg_cd"]) == ("0", "OPSP0000")
    assert len(ack["body"]["output"]["key"]) == 32
    assert len(ack["body"]["output"]["iv"]) == 16
    notices = listener.ask("H0STCNI9", listener.key.holder.hts_id)
    assert notices["header"]["encrypt"] == "Y"


def test_registering_twice_and_unregistering_strangers_is_said():
    listener = Listener(opened())
    listener.ask("H0STCNT0", "005930")
    assert listener.ask("H0STCNT0", "005930")["body"]["msg_cd"] == "OPSP0002"
    assert listener.ask("H0STCNT0", "000660", "2")["body"]["msg_cd"] == "OPSP0003"
    assert listener.ask("H0STCNT0", "005930", "2")["body"]["msg_cd"] == "OPSP0001"
    assert listener.ask("H0STCNT0", "005930", "7")["body"]["msg_cd"] == "OPSP8997"


def test_the_42nd_registration_is_too_many():
    listener = Listener(opened())
    for number in range(41):
        assert listener.ask("H0STCNT0", f"{number:06d}")["body"]["rt_cd"] == "0"
    refused = listener.ask("H0STASP0", "005930")
    assert (refused["body"]["rt_cd"], refused["body"]["msg_cd"]) == ("1", "OPSP0008")
    assert "output" not in refused["body"]
    listener.ask("H0STCNT0", "000000", "2")
    assert listener.ask("H0STASP0", "005930")["body"]["rt_cd"] == "0"


def test_a_second_socket_of_a_key_is_turned_away_until_the_first_goes():
    sim = opened()
    first, second = Listener(sim), Listener(sim)
    first.ask("H0STCNT0", "005930")
    refused = second.ask("H0STCNT0", "005930")
    assert refused["header"]["tr_id"] == "(null)"
    assert (refused["body"]["rt_cd"], refused["body"]["msg_cd"]) == ("9", "OPSP8996")
    first.hub.close(first.session)
    third = Listener(sim)
    assert third.ask("H0STCNT0", "005930")["body"]["rt_cd"] == "0"


def test_several_sockets_a_key_are_allowed_by_option():
    sim = opened(one_stream=False)
    for _ in range(2):
        assert Listener(sim).ask("H0STCNT0", "005930")["body"]["rt_cd"] == "0"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("not json", "OPSP9999"),
        ("[1, 2]", "OPSP9999"),
        ('{"header": 1}', "OPSP9999"),
        ("[" * 100_000, "OPSP9999"),
        ('{"header": {}, "body": {"input": []}}', "OPSP9991"),
        ('{"header": {}, "body": {"input": {"tr_id": "H0STCNT0"}}}', "OPSP9991"),
    ],
)
def test_broken_messages_are_answered_not_fatal(text, code):
    assert Listener(opened()).say(text)["body"]["msg_cd"] == code


def test_a_wrong_approval_key_and_an_unknown_tr_are_refused():
    listener = Listener(opened())
    assert listener.ask("H0STCNT0", "005930", approval_key="x")["body"]["msg_cd"] == "OPSP0011"
    assert listener.ask("H0XXXXX0", "005930")["body"]["msg_cd"] == "OPSP8991"
    assert listener.ask("H0UPCNT0", "0001")["body"]["msg_cd"] == "OPSP8991"


def test_somebody_elses_hts_id_cuts_the_line():
    listener = Listener(opened())
    listener.ask("H0STCNI9", "stranger")
    assert listener.session.dropped


@pytest.mark.parametrize(
    ("layout", "trade", "book"), [(Layout.LEGACY, 46, 59), (Layout.CURRENT, 47, 63)]
)
def test_frames_have_the_layouts_number_of_fields(layout, trade, book):
    sim = opened(layout=layout)
    listener = Listener(sim)
    listener.ask("H0STCNT0", "005930")
    listener.ask("H0STASP0", "005930")
    ten_minutes(sim)
    name = sim.floor.name("005930")
    (prints,), (books,) = listener.frames("H0STCNT0"), listener.frames("H0STASP0")
    assert [len(record) for record in prints] == [trade]
    assert [len(record) for record in books] == [book]
    values = dict(zip(layouts.fields("H0STCNT0", layout), prints[0], strict=True))
    assert values["STCK_PRPR"] == str(name.price)
    assert values["ACML_VOL"] == str(name.volume)
    assert values["BSOP_DATE"] == f"{sim.floor.day:%Y%m%d}"
    assert values["NEW_MKOP_CLS_CODE"] == "20"
    if layout is Layout.CURRENT:
        assert values["MARKET_CLS_CODE"] == "2"


def test_several_records_may_share_a_frame():
    sim = opened(batch=4)
    listener = Listener(sim)
    listener.ask("H0STCNT0", "005930")
    for _ in range(3):
        sim.exchange.advance_to(sim.now + timedelta(minutes=10))
    assert listener.frames("H0STCNT0") == []
    ten_minutes(sim)
    (frame,) = listener.frames("H0STCNT0")
    assert len(frame) == 4
    ten_minutes(sim)
    (frame,) = listener.frames("H0STCNT0")
    assert len(frame) == 1


def test_notices_tell_an_orders_life_and_agree_with_rest():
    sim = opened()
    listener, caller = Listener(sim), Caller(sim)
    listener.ask("H0STCNI9", listener.key.holder.hts_id)
    bought = caller.send("VTTC0012U", 7)["output"]["ODNO"]
    rests = caller.send("VTTC0012U", 2, band(sim).lower)["output"]["ODNO"]
    changed = caller.change("VTTC0013U", rests, "01", ORD_UNPR=str(band(sim).lower + 100))
    gone = caller.change("VTTC0013U", changed["output"]["ODNO"], "02")["output"]["ODNO"]
    told = [dict(zip(NOTICE, frame[0], strict=True)) for frame in listener.frames("H0STCNI9")]
    story = [(n["ODER_NO"], n["CNTG_YN"], n["ACPT_YN"], n["RCTF_CLS"]) for n in told]
    assert story == [
        (bought, "1", "1", "0"),
        (bought, "2", "2", "0"),
        (rests, "1", "1", "0"),
        (changed["output"]["ODNO"], "1", "2", "1"),
        (gone, "1", "2", "2"),
    ]
    fill = told[1]
    row = next(r for r in caller.executions()["output1"] if r["odno"] == bought)
    assert int(fill["CNTG_QTY"]) == int(row["tot_ccld_qty"]) == 7
    assert int(fill["CNTG_UNPR"]) * 7 == int(row["tot_ccld_amt"])
    assert fill["CUST_ID"] == listener.key.holder.hts_id
    assert fill["ACNT_NO"] == listener.key.holder.number + "01"
    assert fill["CNTG_ISNM40"] == "삼성전자"
    assert told[4]["OODER_NO"] == changed["output"]["ODNO"]
    assert int(told[4]["CNTG_UNPR"]) == 0


def test_notices_of_23_fields_keep_their_first_18_places():
    sim = opened(notice_fields=23)
    listener, caller = Listener(sim), Caller(sim)
    listener.ask("H0STCNI9", listener.key.holder.hts_id)
    caller.send("VTTC0012U", 1)
    frames = listener.frames("H0STCNI9")
    assert [len(frame[0]) for frame in frames] == [23, 23]
    assert frames[1][0][12:15] == ["0", "2", "2"]


def test_every_account_hears_its_own_notices_only():
    sim = opened(accounts=2)
    one, two = Listener(sim), Listener(sim, pair=1)
    for listener in (one, two):
        listener.ask("H0STCNI9", listener.key.holder.hts_id)
    Caller(sim).send("VTTC0012U", 1)
    assert len(one.frames("H0STCNI9")) == 2
    assert two.frames("H0STCNI9") == []


def test_real_serves_expected_matches_operations_and_indices():
    sim = opened()
    sim.advance_to(sim.target("preopen") - timedelta(minutes=1))
    listener = Listener(sim, Flavour.REAL)
    for tr_id, key in (
        ("H0STANC0", "005930"), ("H0STMKO0", "005930"), ("H0UPCNT0", "0001"),
        ("H0UNASP0", "005930"),
    ):  # fmt: skip
        assert listener.ask(tr_id, key)["body"]["rt_cd"] == "0"
    sim.advance_to(sim.target("open"))
    assert [len(f[0]) for f in listener.frames("H0STANC0")] == [45]
    operations = [f[0][3] for f in listener.frames("H0STMKO0")]
    assert operations == ["110", "112"]
    assert {len(f[0]) for f in listener.frames("H0UPCNT0")} == {30}
    assert {len(f[0]) for f in listener.frames("H0UNASP0")} == {66}


def test_a_halt_is_told_on_the_operation_channel():
    sim = opened()
    listener = Listener(sim, Flavour.REAL)
    listener.ask("H0STMKO0", "005930")
    sim.exchange.interrupt("005930", "H", 10)
    ten_minutes(sim)
    codes = [(f[0][1], f[0][3]) for f in listener.frames("H0STMKO0")]
    assert codes[0] == ("Y", "164")
    assert codes[-1][0] == "N"


def test_registrations_of_unknown_names_are_acknowledged_and_silent():
    sim = opened()
    listener = Listener(sim)
    assert listener.ask("H0STCNT0", "999999")["body"]["rt_cd"] == "0"
    ten_minutes(sim)
    assert listener.frames("H0STCNT0") == []


def test_the_echo_of_a_ping_is_swallowed():
    listener = Listener(opened())
    text = json.dumps({"header": {"tr_id": "PINGPONG", "datetime": "20250101000000"}})
    assert listener.say(text) == {}
