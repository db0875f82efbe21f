"""The ledger against a venue whose news repeat, lag, get lost and overtake each other."""

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, time
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kisbt.domain.trading import OrderState, Side
from kisbt.kis.ledger import OrderLedger
from kisbt.kis.models.account import OrderReceipt, OrderRow
from kisbt.kis.records import Notice

AT = datetime(2026, 9, 21, 10, 15)


def notice(number: str, quantity: int, price: int = 100, **more: object) -> Notice:
    plain = Notice(
        tr_id="H0STCNI9",
        number=number,
        original="",
        side=Side.BUY,
        change="0",
        division="00",
        ticker="005930",
        quantity=quantity,
        price=price,
        time=time(10, 15, 1),
        refused=False,
        is_fill=True,
        accepted="2",
        branch="00950",
        order_quantity=10,
        order_price=None,
        name="",
        customer="",
        account="",
        holder="",
    )
    return replace(plain, **more)  # type: ignore[arg-type]


def accepted(number: str, **more: object) -> Notice:
    return notice(number, 10, is_fill=False, accepted="1", **more)


def row(number: str, filled: int = 0, **more: object) -> OrderRow:
    raw = {
        "odno": number,
        "ord_dt": "20260921",
        "ord_tmd": "101501",
        "sll_buy_dvsn_cd": "02",
        "pdno": "005930",
        "ord_qty": "10",
        "ord_unpr": "100",
        "tot_ccld_qty": str(filled),
        "tot_ccld_amt": str(100 * filled),
        "rmn_qty": str(10 - filled),
        **more,
    }
    return OrderRow.model_validate(raw)


def receipt(number: str) -> OrderReceipt:
    return OrderReceipt.model_validate({"odno": number, "krx_fwdg_ord_orgno": "00950"})


@pytest.fixture
def ledger() -> OrderLedger:
    return OrderLedger()


def send(ledger: OrderLedger, quantity: int = 10) -> int:
    return ledger.sending("005930", Side.BUY, quantity, 100, AT)


def test_order_lives_from_sent_to_filled(ledger: OrderLedger) -> None:
    key = send(ledger)
    assert ledger.orders()[0].state is OrderState.SENT
    order = ledger.accepted(key, receipt("0000000007"))
    assert order.state is OrderState.ACCEPTED
    ledger.notice(accepted("7"))
    ledger.notice(notice("7", 4))
    assert (order.state, order.filled, order.remaining) == (OrderState.PARTIAL, 4, 6)
    ledger.notice(notice("7", 6, 101))
    assert (order.state, order.amount) == (OrderState.FILLED, 4 * 100 + 6 * 101)


def test_notice_before_the_answer_waits_for_its_order(ledger: OrderLedger) -> None:
    key = send(ledger)
    assert ledger.notice(notice("7", 4)) is None
    assert ledger.accepted(key, receipt("7")).filled == 4


def test_repeated_fill_is_counted_once_and_doubted(ledger: OrderLedger) -> None:
    order = ledger.accepted(send(ledger), receipt("7"))
    ledger.notice(notice("7", 4))
    assert ledger.notice(notice("7", 4)) is None
    assert order.filled == 4
    assert ledger.doubtful() == [order]
    ledger.listed([row("7", 8)])  # there really were two such fills
    assert order.filled == 8
    assert ledger.doubtful() == []


def test_repetition_is_believed_after_three_readings(ledger: OrderLedger) -> None:
    order = ledger.accepted(send(ledger), receipt("7"))
    for _ in range(2):
        ledger.notice(notice("7", 4))
    for _ in range(3):
        assert ledger.doubtful() == [order]
        ledger.listed([row("7", 4)])
    assert ledger.doubtful() == []
    assert order.filled == 4


def test_late_notice_of_a_fill_the_list_knew_is_not_added(ledger: OrderLedger) -> None:
    order = ledger.accepted(send(ledger), receipt("7"))
    assert ledger.listed([row("7", 6)]) == [order]
    ledger.notice(notice("7", 4))
    ledger.notice(notice("7", 2))
    assert order.filled == 6


def test_list_that_lags_takes_nothing_back(ledger: OrderLedger) -> None:
    order = ledger.accepted(send(ledger), receipt("7"))
    ledger.notice(notice("7", 6))
    assert ledger.listed([row("7", 2)]) == []
    assert order.filled == 6


def test_lost_order_is_named_by_its_notice(ledger: OrderLedger) -> None:
    key = send(ledger)
    ledger.notice(accepted("0000000007"))
    assert ledger.orders()[0].state is OrderState.SENT
    order = ledger.unanswered(key)
    assert (order.number, order.state) == ("0000000007", OrderState.ACCEPTED)


def test_lost_order_is_named_by_the_list(ledger: OrderLedger) -> None:
    order = ledger.unanswered(send(ledger))
    assert order.state is OrderState.UNKNOWN
    assert ledger.doubtful() == [order]
    ledger.listed([row("7", 3)])
    assert (order.number, order.filled, order.own) == ("7", 3, True)
    assert ledger.doubtful() == []


def test_answer_under_way_is_not_robbed_of_its_number(ledger: OrderLedger) -> None:
    lost = send(ledger)
    under_way = send(ledger)
    ledger.unanswered(lost)
    ledger.notice(accepted("8"))
    ledger.listed([row("8")])
    assert ledger.orders()[0].number == ""
    assert ledger.accepted(under_way, receipt("8")).number == "8"
    ledger.listed([row("8"), row("7")])
    assert ledger.orders()[0].number == "7"


def test_absent_and_refused_orders_are_rejected_with_a_reason(ledger: OrderLedger) -> None:
    gone = ledger.unanswered(send(ledger))
    ledger.absent(gone.key)
    refused = ledger.refused(send(ledger), "주문가능금액 초과")
    assert [gone.state, refused.state] == [OrderState.REJECTED] * 2
    assert (gone.reason, refused.reason) == ("never reached KIS", "주문가능금액 초과")
    assert ledger.doubtful() == []


def test_cancel_names_the_order_it_ends(ledger: OrderLedger) -> None:
    order = ledger.accepted(send(ledger), receipt("7"))
    ledger.notice(notice("7", 4))
    cancel = notice("9", 6, original="0000000007", change="2", is_fill=False)
    assert ledger.notice(cancel) is order
    assert ledger.notice(cancel) is None
    assert (order.state, order.cancelled, order.filled) == (OrderState.CANCELLED, 6, 4)


def test_refused_cancel_ends_nothing(ledger: OrderLedger) -> None:
    order = ledger.accepted(send(ledger), receipt("7"))
    ledger.notice(notice("9", 10, original="7", change="2", is_fill=False, refused=True))
    assert order.state is OrderState.ACCEPTED


def test_modified_shares_go_on_under_a_new_number(ledger: OrderLedger) -> None:
    order = ledger.accepted(send(ledger), receipt("7"))
    ledger.notice(notice("7", 4))
    moved = ledger.notice(notice("9", 6, 105, original="7", change="1", is_fill=False))
    assert moved is not None
    assert (moved.number, moved.quantity, moved.price, moved.own) == ("9", 6, 105, True)
    assert order.state is OrderState.CANCELLED
    ledger.notice(notice("9", 6, 105))
    assert moved.state is OrderState.FILLED
    assert order.filled == 4


def test_modify_seen_in_the_list_only_is_followed_too(ledger: OrderLedger) -> None:
    order = ledger.accepted(send(ledger), receipt("7"))
    ledger.listed(
        [
            row("7", 0, rmn_qty="0"),
            row("9", 3, orgn_odno="7", rmn_qty="7"),
            row("11", 0, orgn_odno="7", rmn_qty="2", sll_buy_dvsn_cd_name="매수취소"),
        ]
    )
    assert [known.number for known in ledger.orders()] == ["7", "9"]
    assert ledger.orders()[1].filled == 3
    assert order.remaining == 0


@pytest.mark.parametrize("told_by_notice", [True, False])
def test_partly_modified_order_keeps_the_rest(ledger: OrderLedger, told_by_notice: bool) -> None:
    order = ledger.accepted(send(ledger), receipt("7"))
    if told_by_notice:
        ledger.notice(notice("9", 4, 105, original="7", change="1", is_fill=False))
    rows = [
        row("7", 0, rmn_qty="6", cnc_cfrm_qty="4"),
        row("9", 1, orgn_odno="7", ord_qty="4", rmn_qty="3"),
    ]
    for _ in range(2):
        ledger.listed(rows)
    assert (order.remaining, order.moved, order.cancelled) == (6, 4, 0)
    assert ledger.orders()[1].remaining == 3


@pytest.mark.parametrize("change", ["0", "1"])
def test_fill_that_overtakes_its_modification_is_of_the_original(
    ledger: OrderLedger, change: str
) -> None:
    """KIS may mark it as new or as modified, and its shares are no size of a modification."""
    order = ledger.accepted(send(ledger), receipt("7"))
    fill = notice("9", 2, 105, original="7", change=change, order_quantity=6, order_price=105)
    moved = ledger.notice(fill)
    assert moved is not None
    assert (moved.number, moved.original, moved.own) == ("9", "7", True)
    assert (moved.quantity, moved.price, moved.filled) == (6, 105, 2)
    ledger.notice(notice("9", 6, 105, original="7", change="1", is_fill=False))
    assert (order.moved, order.remaining, moved.remaining) == (6, 4, 4)


def test_fill_of_a_modified_order_names_no_lost_one(ledger: OrderLedger) -> None:
    """One that went on in the very likeness of a lost order: only an acceptance names that."""
    lost = ledger.unanswered(send(ledger))
    for original in ("", "7"):
        ledger.notice(notice("9", 10, original=original, order_price=100))
        assert (lost.number, lost.state) == ("", OrderState.UNKNOWN)
    ledger.listed([row("7"), row("9", 10, orgn_odno="7", rmn_qty="0")])
    assert (lost.number, lost.filled) == ("7", 0)
    assert [each.filled for each in ledger.orders()] == [0, 10]


def test_exchange_refusal_and_ioc_rest_are_final(ledger: OrderLedger) -> None:
    refused = ledger.accepted(send(ledger), receipt("7"))
    ledger.notice(accepted("7", refused=True))
    assert refused.state is OrderState.REJECTED
    ioc = ledger.accepted(send(ledger), receipt("8"))
    ledger.notice(notice("8", 4))
    ledger.notice(notice("8", 6, is_fill=False, accepted="3"))
    assert (ioc.state, ioc.filled) == (OrderState.CANCELLED, 4)


def test_orders_of_others_are_kept_apart(ledger: OrderLedger) -> None:
    ledger.listed([row("70", 2)])
    (foreign,) = ledger.orders()
    assert (foreign.own, foreign.filled) == (False, 2)


def test_differences_are_named(ledger: OrderLedger) -> None:
    ledger.accepted(send(ledger), receipt("7"))
    ledger.accepted(send(ledger), receipt("8"))
    ledger.unanswered(send(ledger))
    assert ledger.differences([row("7", 3), row("9")]) == [
        "BUY 10 005930: outcome unknown",
        "order 7: filled 0 here, 3 at KIS",
        "order 8: not at KIS",
        "order 9: not here",
    ]


class Venue:
    """Knows the truth of some orders, and the news that were sent of it."""

    def __init__(self, ledger: OrderLedger, chance: random.Random) -> None:
        self._ledger, self._chance = ledger, chance
        self.truth: dict[str, int] = {}
        self.news: list[Callable[[], object]] = []

    def order(self, answered: bool, fills: list[int]) -> None:
        """Let an order be sent and executed; its price tells it from the others."""
        number = str(len(self.truth) + 1)
        price = 100 + len(self.truth)
        key = self._ledger.sending("005930", Side.BUY, 10, price, AT)
        if answered:
            self.news.append(partial(self._ledger.accepted, key, receipt(number)))
        else:
            self.news.append(partial(self._ledger.unanswered, key))
        self._tell(accepted(number, price=price))
        filled = 0
        for wish in fills:
            shares = min(wish, 10 - filled)
            if not shares:
                break
            filled += shares
            at = time(10, 15, filled)
            self._tell(notice(number, shares, price, time=at, order_price=price))
            self.news.append(partial(self._ledger.listed, [self.row(number, filled)]))
        self.truth[number] = filled

    def row(self, number: str, filled: int) -> OrderRow:
        return row(number, filled, ord_unpr=str(99 + int(number)))

    def _tell(self, text: Notice) -> None:
        for _ in range(self._chance.choice([0, 1, 1, 2])):
            self.news.append(partial(self._ledger.notice, text))


orders = st.lists(
    st.tuples(st.booleans(), st.lists(st.integers(1, 4), max_size=4)), min_size=1, max_size=5
)


@given(orders, st.integers(0, 2**32))
@settings(max_examples=150, deadline=None)
def test_final_view_equals_the_venues_however_the_news_travel(
    made: list[tuple[bool, list[int]]], seed: int
) -> None:
    """Notices are lost, doubled and shuffled among answers and lagging lists; then all settles."""
    chance = random.Random(seed)
    ledger = OrderLedger()
    venue = Venue(ledger, chance)
    for answered, fills in made:
        venue.order(answered, fills)
    chance.shuffle(venue.news)
    for tell in venue.news:
        tell()
        assert all(0 <= order.filled <= order.quantity for order in ledger.orders())
    final = [venue.row(number, filled) for number, filled in venue.truth.items()]
    ledger.listed(final)
    assert ledger.differences(final) == []
    assert {order.number: order.filled for order in ledger.orders()} == venue.truth
    assert all(order.own for order in ledger.orders())
