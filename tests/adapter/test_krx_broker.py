"""What an ordinary backtrader strategy meets: KRX rules behind backtrader's interface."""

from typing import Any

import backtrader as bt
import pytest

from kisbt.data.manifest import CorporateAction
from kisbt.domain.market import Instrument
from kisbt.domain.trading import OrderState, Side
from kisbt.errors import StrategyError
from tests.adapter.worlds import SESSIONS, flat, frame, run, world

A, B = "005930", "000660"


class Scripted(bt.Strategy):
    """Does on bar n what ``script[n]`` says; keeps every order notice."""

    script: dict[int, Any] = {}

    def __init__(self) -> None:
        self.notices: list[tuple[int, str, str | None]] = []
        type(self).last = self

    def notify_order(self, order: bt.Order) -> None:
        self.notices.append((len(self), order.getstatusname(), order.info.get("reason")))

    def prenext(self) -> None:
        self.next()

    def next(self) -> None:
        act = self.script.get(len(self))
        if act is not None:
            act(self)


def scripted(**script: Any) -> Any:
    steps = {int(key[1:]): act for key, act in script.items()}
    return type("Scripted", (Scripted,), {"script": steps, "__module__": __name__})


def states(replayed: Any) -> list[OrderState]:
    return [event.state for event in replayed.events]


def test_market_order_fills_at_the_next_open_and_never_on_the_deciding_bar() -> None:
    rows = [(10_000, 10_100, 9_900, 10_000, 10_000), (10_300, 10_500, 10_200, 10_400, 10_000)]
    done = run(scripted(b1=lambda s: s.buy(size=5)), world({A: frame(rows)}))
    (fill,) = done.fills
    assert (fill.price, fill.quantity, fill.session) == (10_300, 5, SESSIONS[1].date())
    assert done.equity[1].cash == 10_000_000 - 5 * 10_300
    assert done.equity[1].equity == 10_000_000 + 5 * (10_400 - 10_300)


def test_limit_order_below_the_day_expires_with_the_session() -> None:
    done = run(
        scripted(b1=lambda s: s.buy(size=5, exectype=bt.Order.Limit, price=9_000)),
        world({A: frame(flat(10_000, 4))}),
    )
    assert not done.fills
    assert states(done) == [OrderState.ACCEPTED, OrderState.EXPIRED]
    assert done.events[-1].at.date() == SESSIONS[1].date()


def test_limit_price_off_tick_moves_to_the_safe_side() -> None:
    done = run(
        scripted(
            b1=lambda s: s.buy(size=1, exectype=bt.Order.Limit, price=9_997),
            b3=lambda s: s.sell(size=1, exectype=bt.Order.Limit, price=10_003),
        ),
        world({A: frame([(10_000, 10_200, 9_900, 10_000, 1_000)] * 5)}),
    )
    assert [event.limit_price for event in done.events if event.state is OrderState.ACCEPTED] == [
        9_990,
        10_010,
    ]


def test_limit_price_outside_the_band_is_rejected_with_the_band() -> None:
    cls = scripted(b1=lambda s: s.buy(size=1, exectype=bt.Order.Limit, price=13_100))
    done = run(cls, world({A: frame(flat(10_000, 3))}))
    assert states(done) == [OrderState.REJECTED]
    assert "상한 13,000" in done.events[0].reason
    assert cls.last.notices[-1][1] == "Rejected"


def test_short_sale_is_rejected() -> None:
    done = run(scripted(b1=lambda s: s.sell(size=1)), world({A: frame(flat(10_000, 3))}))
    assert not done.fills
    assert "매도가능수량" in done.events[0].reason


def test_second_sale_of_the_same_shares_is_rejected() -> None:
    def sell_twice(s: Any) -> None:
        s.sell(size=5, exectype=bt.Order.Limit, price=12_000)
        s.sell(size=5)

    done = run(
        scripted(b1=lambda s: s.buy(size=5), b3=sell_twice), world({A: frame(flat(10_000, 5))})
    )
    assert sum(fill.quantity for fill in done.fills if fill.side is Side.SELL) == 0
    assert OrderState.REJECTED in states(done)


def test_buy_beyond_cash_is_cut_to_what_the_upper_limit_reserves() -> None:
    done = run(
        scripted(b1=lambda s: s.buy(size=1_000)), world({A: frame(flat(10_000, 3))}), cash=1_000_000
    )
    (fill,) = done.fills
    assert fill.quantity == 1_000_000 // 13_000
    assert "줄임" in done.events[0].reason


def test_partial_fill_keeps_to_the_share_of_volume_and_the_rest_expires() -> None:
    cls = scripted(b1=lambda s: s.buy(size=50))
    done = run(cls, world({A: frame(flat(10_000, 3, volume=100))}))
    assert [fill.quantity for fill in done.fills] == [10]
    assert states(done) == [OrderState.ACCEPTED, OrderState.PARTIAL, OrderState.EXPIRED]
    assert [status for _, status, _ in cls.last.notices] == [
        "Submitted",
        "Accepted",
        "Partial",
        "Expired",
    ]


def test_two_orders_share_one_bar_of_volume() -> None:
    def twice(s: Any) -> None:
        s.buy(size=8)
        s.buy(size=8)

    done = run(scripted(b1=twice), world({A: frame(flat(10_000, 3, volume=100))}))
    assert [fill.quantity for fill in done.fills] == [8, 2]


def test_halted_bar_fills_nothing() -> None:
    rows = [*flat(10_000, 1), *flat(10_000, 1, volume=0), *flat(10_000, 2)]
    done = run(scripted(b1=lambda s: s.buy(size=5)), world({A: frame(rows)}))
    assert not done.fills


def test_nothing_is_bought_on_a_bar_locked_at_the_upper_limit() -> None:
    rows = [*flat(10_000, 1), (13_000, 13_000, 13_000, 13_000, 50_000), *flat(13_000, 1)]
    done = run(scripted(b1=lambda s: s.buy(size=5)), world({A: frame(rows)}))
    assert not done.fills


def test_cancelled_order_frees_its_reservation() -> None:
    cls = scripted(b1=lambda s: s.cancel(s.buy(size=5)))
    done = run(cls, world({A: frame(flat(10_000, 3))}))
    assert states(done) == [OrderState.ACCEPTED, OrderState.CANCELLED]
    assert cls.last.broker.getcash() == 10_000_000


@pytest.mark.parametrize(
    ("terms", "word"),
    [
        ({"exectype": bt.Order.Stop, "price": 9_000}, "Stop"),
        ({"exectype": bt.Order.Limit}, "가격이 없음"),
        ({"trailamount": 5.0}, "trailamount"),
    ],
)
def test_order_kinds_that_krx_has_no_fill_model_for_are_refused(
    terms: dict[str, Any], word: str
) -> None:
    done = run(scripted(b1=lambda s: s.buy(size=1, **terms)), world({A: frame(flat(10_000, 3))}))
    assert states(done) == [OrderState.REJECTED]
    assert word in done.events[0].reason
    assert list(done.refusals.values()) == [1]


def test_fraction_of_a_share_is_cut_off() -> None:
    done = run(
        scripted(b1=lambda s: s.buy(size=2.9), b3=lambda s: s.buy(size=0.5)),
        world({A: frame(flat(10_000, 5))}),
    )
    assert [fill.quantity for fill in done.fills] == [2]
    assert "1주 미만" in done.events[-1].reason


def test_order_before_the_first_bar_is_a_clear_error() -> None:
    late = {A: frame(flat(10_000, 4)), B: frame(flat(10_000, 2), start=2)}
    cls = scripted(b1=lambda s: s.buy(data=s.getdatabyname(B), size=1))
    with pytest.raises(StrategyError, match="before its first bar"):
        run(cls, world(late))


def test_split_multiplies_shares_and_keeps_value() -> None:
    rows = [*flat(10_000, 3), *flat(2_000, 2)]
    dataset = world(
        {A: frame(rows)},
        actions=[CorporateAction(ticker=A, date=SESSIONS[3].date(), ratio=5.0)],
    )
    cls = scripted(b1=lambda s: s.buy(size=7), b4=lambda s: s.close())
    done = run(cls, dataset)
    (change,) = done.changes
    assert (change.quantity_before, change.quantity_after, change.cash) == (7, 35, 0)
    assert done.equity[3].equity == done.equity[2].equity
    assert done.fills[-1].quantity == 35


def test_reverse_split_pays_the_fraction_in_cash() -> None:
    rows = [*flat(1_000, 3), *flat(10_000, 2)]
    dataset = world(
        {A: frame(rows)},
        actions=[CorporateAction(ticker=A, date=SESSIONS[3].date(), ratio=0.1)],
    )
    done = run(scripted(b1=lambda s: s.buy(size=27)), dataset)
    (change,) = done.changes
    assert (change.quantity_after, change.cash) == (2, 7_000)
    assert done.equity[3].equity == done.equity[2].equity


def test_delisted_name_is_paid_out_at_its_last_close() -> None:
    gone = Instrument(ticker=B, delisted=SESSIONS[2].date())
    dataset = world(
        {A: frame(flat(10_000, 6)), B: frame(flat(500, 3))},
        instruments=[Instrument(ticker=A), gone],
    )
    cls = scripted(
        b1=lambda s: s.buy(data=s.getdatabyname(B), size=10),
        b5=lambda s: s.buy(data=s.getdatabyname(B), size=10),
    )
    done = run(cls, dataset)
    (change,) = done.changes
    assert (change.kind, change.cash) == ("delisting", 5_000)
    assert done.equity[-1].exposure == 0.0
    assert "상장폐지" in done.events[-1].reason


def test_strategy_cannot_set_cash_or_commission() -> None:
    def meddle(s: Any) -> None:
        s.broker.set_cash(1e12)
        s.broker.setcommission(0.5)
        s.buy(size=5)

    done = run(scripted(b1=meddle), world({A: frame(flat(10_000, 3))}))
    assert done.equity[-1].equity == 10_000_000
    assert done.commission == 0


def test_order_target_percent_of_an_ordinary_strategy_works() -> None:
    done = run(
        scripted(b1=lambda s: s.order_target_percent(target=0.5)),
        world({A: frame(flat(10_000, 3))}),
    )
    assert [fill.quantity for fill in done.fills] == [500]


def test_trades_of_backtrader_carry_commission_and_tax() -> None:
    from kisbt.config import CostSettings
    from kisbt.krx.costs import CostModel

    class Book(Scripted):
        script = {1: lambda s: s.buy(size=100), 3: lambda s: s.close()}
        trades: list[Any] = []

        def notify_trade(self, trade: Any) -> None:
            if trade.isclosed:
                self.trades.append(trade)

    costs = CostModel.from_settings(CostSettings())
    done = run(Book, world({A: frame(flat(10_000, 5))}), costs=costs)
    (trade,) = Book.trades
    assert trade.commission == done.commission + done.tax
    assert done.tax == 1_800  # 0.18 % of a million won in 2024
    assert trade.pnlcomm == done.equity[-1].equity - 10_000_000
