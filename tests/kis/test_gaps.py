import queue
from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from kisbt.kis.backfill import Backfill, Filled
from kisbt.kis.client import KISClient
from kisbt.kis.environment import Paper
from kisbt.kis.frames import parse_frame
from kisbt.kis.gaps import Arrival, Outage, TradeGap, TradeWatch
from tests.kis.loopback import OK, Heard, Loopback, Say, gateway
from tests.kis.stream_texts import trade


@given(st.lists(st.integers(1, 50), min_size=1, max_size=30), st.data())
def test_gaps_add_up_to_what_was_missed(volumes: list[int], data: st.DataObject) -> None:
    """Whatever subset of trades arrives, volume seen plus volume missing is the day's volume."""
    watch, day, seen, missing = TradeWatch(), 0, 0, 0
    first: int | None = None
    last_arrived = 0
    for volume in volumes:
        day += volume
        if not data.draw(st.booleans()):
            continue
        (record,) = parse_frame(trade(volume, day))
        arrival = watch.observe(record)
        seen += volume
        if isinstance(arrival, TradeGap):
            missing += arrival.missing
        else:
            assert arrival is Arrival.NEXT
        first = day - volume if first is None else first
        last_arrived = day
    assert first is None or seen + missing == last_arrived - first


@given(st.lists(st.integers(1, 50), min_size=1, max_size=20), st.data())
def test_repetition_never_counts_and_never_hides_a_gap(
    volumes: list[int], data: st.DataObject
) -> None:
    watch, day = TradeWatch(), 0
    for volume in volumes:
        day += volume
        (record,) = parse_frame(trade(volume, day))
        assert watch.observe(record) is Arrival.NEXT
        for _ in range(data.draw(st.integers(0, 2))):
            assert watch.observe(record) is Arrival.DUPLICATE


def test_new_day_starts_from_nothing() -> None:
    watch = TradeWatch()
    (yesterday,) = parse_frame(trade(5, 1000))
    (today,) = parse_frame(trade(5, 5).replace("20260921", "20260922"))
    watch.observe(yesterday)
    assert watch.observe(today) is Arrival.NEXT


def gap(ticker: str = "000660", since: str = "100000", until: str = "100130") -> TradeGap:
    return TradeGap("H0STCNT0", ticker, "20260921", since, until, 7)


def minutes(heard: Heard) -> Say:
    rows = [
        {
            "stck_bsop_date": "20260921",
            "stck_cntg_hour": stamp,
            "cntg_vol": "5",
            **dict.fromkeys(("stck_oprc", "stck_hgpr", "stck_lwpr", "stck_prpr"), "100"),
        }
        for stamp in ("100200", "100100", "100000", "095900")
        if stamp <= heard.query["FID_INPUT_HOUR_1"]
    ]
    return Say({**OK, "output1": {}, "output2": rows})


def filled(client: KISClient[Paper], *gaps: TradeGap | Outage) -> list[Filled]:
    results: queue.SimpleQueue[Filled] = queue.SimpleQueue()
    backfill = Backfill(client, results.put)
    for entry in gaps:
        backfill.add(entry)
    backfill.stop()
    return [results.get() for _ in range(results.qsize())]


def test_missed_minutes_are_asked_for(paper: KISClient[Paper], server: Loopback) -> None:
    server.default("inquire-time-itemchartprice", minutes)
    (result,) = filled(paper, gap())
    assert [bar.at.minute for bar in result.minutes] == [0, 1]
    assert result.gap == gap()


def test_gaps_of_one_name_that_wait_together_are_one_request(
    paper: KISClient[Paper], server: Loopback
) -> None:
    def slow(heard: Heard) -> Say:
        return minutes(heard)._replace(wait=0.1)

    server.default("inquire-time-itemchartprice", slow)
    results = filled(paper, gap("111111"), gap(), gap(since="095900"), gap(until="100200"))
    assert [len(result.minutes) for result in results] == [2, 4]
    assert results[1].gap == TradeGap("H0STCNT0", "000660", "20260921", "095900", "100200", 21)


def test_after_an_outage_the_days_orders_are_read(
    paper: KISClient[Paper], server: Loopback
) -> None:
    row = {"odno": "1", "tot_ccld_qty": "2"}
    server.default("inquire-daily-ccld", {**OK, "output1": [row], "output2": {}})
    outage = Outage(datetime(2026, 9, 21, 10), datetime(2026, 9, 21, 10, 1))
    (result,) = filled(paper, outage)
    assert [order.filled for order in result.orders] == [2]


def test_gap_that_cannot_be_filled_says_why(paper: KISClient[Paper], server: Loopback) -> None:
    server.default("inquire-time-itemchartprice", lambda _: gateway("APBK9999", "오류", 200))
    (result,) = filled(paper, gap())
    assert "APBK9999" in result.error
    assert result.minutes == ()


def test_time_that_is_none_asks_for_the_whole_day(
    paper: KISClient[Paper], server: Loopback
) -> None:
    server.default("inquire-time-itemchartprice", minutes)
    (result,) = filled(paper, gap(since="??"))
    assert len(result.minutes) == 3
