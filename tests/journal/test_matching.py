from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kisbt.domain.trading import Fill, PositionChange, Side
from kisbt.journal.matching import Pairing, pair_fills
from tests.report.fakes import START_CASH, Account

DAY = date(2024, 1, 2)
TICKERS = ("005930", "000660")

orders = st.lists(
    st.tuples(
        st.sampled_from(TICKERS),
        st.sampled_from(["buy", "sell", "split", "delist"]),
        st.integers(1, 500),
        st.integers(1, 3_000),
        st.sampled_from([0.1, 0.5, 2.0, 3.5, 5.0]),
    ),
    max_size=40,
)


def play(steps: list[tuple[str, str, int, int, float]]) -> tuple[Account, dict[str, int]]:
    """Trade an account; one session a step; prices are the last ones traded."""
    account = Account()
    prices = dict.fromkeys(TICKERS, 1_000)
    for n, (ticker, kind, quantity, price, ratio) in enumerate(steps):
        at = datetime.combine(DAY + timedelta(days=n), time(15, 30))
        held = account.shares.get(ticker, 0)
        if kind == "buy" and account.cash > quantity * price * 1.001:
            prices[ticker] = price
            account.trade(at, ticker, Side.BUY, quantity, price)
        elif kind == "sell" and held:
            prices[ticker] = price
            account.trade(at, ticker, Side.SELL, min(held, quantity), price)
        elif kind in ("split", "delist") and held:
            change(account, at.date(), ticker, kind, ratio, prices)
    return account, prices


def change(
    account: Account, on: date, ticker: str, kind: str, ratio: float, prices: dict[str, int]
) -> None:
    held = account.shares[ticker]
    after = int(held * ratio + 1e-9) if kind == "split" else 0
    cash = held * prices[ticker] if kind == "delist" else 0
    if kind == "split":
        prices[ticker] = max(1, round(prices[ticker] / ratio))
        cash = int((held * ratio - after) * prices[ticker])
    account.shares[ticker] = after
    account.cash += cash
    account.changes.append(PositionChange(on, ticker, kind, ratio, held, after, cash))


def paired(account: Account) -> Pairing:
    return pair_fills(account.fills, account.changes)


@given(orders)
def test_results_sum_to_the_change_of_equity(
    steps: list[tuple[str, str, int, int, float]],
) -> None:
    account, prices = play(steps)
    pairing = paired(account)
    realised = sum(trip.pnl for trip in pairing.trips)
    unrealised = account.value(prices) - sum(lot.cost for lot in pairing.open)
    assert realised + unrealised == account.cash + account.value(prices) - START_CASH


@given(orders)
def test_open_lots_hold_the_shares_of_the_account(
    steps: list[tuple[str, str, int, int, float]],
) -> None:
    account, _ = play(steps)
    held = dict.fromkeys(TICKERS, 0)
    for lot in paired(account).open:
        assert lot.quantity > 0
        held[lot.ticker] += lot.quantity
    assert held == {ticker: account.shares.get(ticker, 0) for ticker in TICKERS}


@given(orders)
def test_without_changes_quantities_bought_are_sold_or_open(
    steps: list[tuple[str, str, int, int, float]],
) -> None:
    account, _ = play([step for step in steps if step[1] in ("buy", "sell")])
    pairing = paired(account)
    bought = sum(fill.quantity for fill in account.fills if fill.side is Side.BUY)
    sold = sum(fill.quantity for fill in account.fills if fill.side is Side.SELL)
    assert sum(trip.quantity for trip in pairing.trips) == sold
    assert sum(lot.quantity for lot in pairing.open) == bought - sold


@given(orders)
def test_trips_close_in_order_and_never_before_they_open(
    steps: list[tuple[str, str, int, int, float]],
) -> None:
    trips = paired(play(steps)[0]).trips
    assert [trip.closed_at for trip in trips] == sorted(trip.closed_at for trip in trips)
    assert all(trip.opened <= trip.closed and trip.holding_days >= 0 for trip in trips)


def fill(number: int, ref: str, side: Side, quantity: int, price: int, fee: int = 0) -> Fill:
    at = datetime.combine(DAY + timedelta(days=number), time(15, 30))
    return Fill(ref, number, at, at.date(), "005930", side, quantity, price, fee, 0, 0, 0)


def test_oldest_shares_are_sold_first() -> None:
    trips = pair_fills(
        [
            fill(1, "A", Side.BUY, 10, 100),
            fill(2, "B", Side.BUY, 10, 200),
            fill(3, "C", Side.SELL, 15, 300),
        ]
    ).trips
    assert [(trip.entry_ref, trip.quantity, trip.pnl) for trip in trips] == [
        ("A", 10, 2_000),
        ("B", 5, 500),
    ]


def test_partial_fills_of_the_same_orders_are_one_round_trip() -> None:
    parts = [fill(1, "A", Side.BUY, 4, 100, 3), fill(2, "A", Side.BUY, 6, 100, 4)]
    parts += [fill(3, "B", Side.SELL, 5, 150), fill(4, "B", Side.SELL, 5, 150)]
    (trip,) = pair_fills(parts).trips
    assert (trip.quantity, trip.cost, trip.proceeds) == (10, 1_007, 1_500)
    assert trip.opened == DAY + timedelta(days=1)
    assert trip.closed == DAY + timedelta(days=4)


def test_sell_without_shares_is_refused() -> None:
    with pytest.raises(ValueError, match="never bought"):
        pair_fills([fill(1, "A", Side.BUY, 1, 100), fill(2, "B", Side.SELL, 2, 100)])


def test_shares_held_before_the_first_fill_are_the_oldest() -> None:
    fills = [
        fill(1, "B", Side.BUY, 10, 120),
        fill(2, "S", Side.SELL, 25, 110),
    ]
    with pytest.raises(ValueError, match="never bought"):
        pair_fills(fills)
    found = pair_fills(fills, (), {"005930": (20, 100.25), "000660": (3, 50.0)})
    assert [(t.entry_ref, t.quantity, t.cost) for t in found.trips] == [
        ("", 20, 2_005), ("B", 5, 600),
    ]  # fmt: skip
    assert [(lot.ticker, lot.quantity, lot.cost) for lot in found.open] == [
        ("000660", 3, 150), ("005930", 5, 600),
    ]  # fmt: skip
    assert [lot.cost for lot in pair_fills([], (), {"000660": (3, 50.0)}).open] == [150]


def test_delisting_closes_the_position_at_what_was_paid() -> None:
    gone = PositionChange(DAY + timedelta(days=9), "005930", "delisting", 1.0, 10, 0, 450)
    pairing = pair_fills([fill(1, "A", Side.BUY, 10, 100)], [gone])
    (trip,) = pairing.trips
    assert (trip.exit_ref, trip.pnl) == ("delisting", -550)
    assert pairing.open == ()


def test_split_keeps_the_cost_and_gives_cash_for_fractions() -> None:
    merge = PositionChange(DAY + timedelta(days=5), "005930", "split", 0.1, 25, 2, 500)
    (lot,) = pair_fills([fill(1, "A", Side.BUY, 25, 100)], [merge]).open
    assert (lot.quantity, lot.cost) == (2, 2_000)


def test_change_of_a_name_that_is_not_held_changes_nothing() -> None:
    merge = PositionChange(DAY, "000660", "split", 5.0, 10, 50, 0)
    (lot,) = pair_fills([fill(1, "A", Side.BUY, 3, 100)], [merge]).open
    assert (lot.quantity, lot.cost) == (3, 300)
