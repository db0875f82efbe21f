"""The same orders on the same bars: the backtest's book and the simulator's exchange agree."""

import random
from datetime import datetime, timedelta

import pytest

from kisbt.adapter.book import Executed, HistoryBook
from kisbt.adapter.tape import Playhead, Tape
from kisbt.config import CostSettings
from kisbt.domain.trading import Side
from kisbt.krx.costs import CostModel
from kisbt.krx.ticks import round_down
from kisbt.sim.exchange.events import Notice, NoticeKind
from tests.sim.venue import (
    daily_dataset,
    exchange,
    minute_dataset,
    open_account,
    order,
)

CASH = 50_000_000


def random_orders(draw, tickers, held, price_of, rules_of):
    """A few orders on tick that both worlds can afford and cover."""
    for ticker in draw.sample(tickers, k=min(3, len(tickers))):
        side = Side.SELL if held(ticker) > 5 and draw.random() < 0.5 else Side.BUY
        quantity = draw.randint(1, 5)
        limit = None
        if draw.random() < 0.6:
            moved = price_of(ticker) * draw.randint(96, 104) // 100
            limit = round_down(moved, *rules_of(ticker))
        yield ticker, side, quantity, limit


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("share", [0.1, 0.000005])
def test_daily_orders_sent_before_the_open_fill_alike(seed, share):
    dataset = daily_dataset()
    draw, tape, head = random.Random(seed), Tape(dataset), Playhead()
    book = HistoryBook(tape, head, CostModel.from_settings(CostSettings()), share, CASH)
    venue = exchange(dataset, 100, share=share)
    account = open_account(venue, CASH)
    told = []

    def sellable(ticker):
        return venue.floor.sellable(account, ticker)

    venue.floor.listeners.append(
        lambda e: told.append(e) if isinstance(e, Notice) and e.kind is NoticeKind.FILLED else None
    )
    while tape.sessions[head.t + 1] < venue.floor.day:
        list(book.advance())
    tickers = list(tape.tickers)
    for _ in range(60):
        day = datetime.combine(venue.floor.day, datetime.min.time())
        venue.advance_to(day + timedelta(hours=8, minutes=40))
        t = head.t
        for ticker, side, quantity, limit in random_orders(
            draw,
            tickers,
            sellable,
            lambda x, t=t: int(tape.closes[t, tape.columns[x]]),
            lambda x: venue.floor.name(x).rules,
        ):
            venue.place(order(venue, side, quantity, limit or 0, ticker=ticker))
            book.place(book.next_ref(), tape.columns[ticker], side, quantity, limit)
        done = [e.fill for e in book.advance() if isinstance(e, Executed)]
        venue.advance_to(day + timedelta(hours=19))
        ours = sorted((n.order.ticker, n.order.side, n.price, n.quantity) for n in told)
        assert ours == sorted((f.ticker, f.side, f.price, f.quantity) for f in done)
        told.clear()
        assert account.ledger.cash == book.ledger.cash
        assert account.ledger.reserved == book.ledger.reserved == 0
        following = venue.next_day
        venue.advance_to(datetime.combine(following, datetime.min.time()))
    assert account.trades


@pytest.mark.parametrize("seed", range(3))
def test_minute_orders_sent_at_a_close_fill_alike(seed):
    dataset = minute_dataset(2)
    draw, tape, head = random.Random(seed), Tape(dataset), Playhead()
    book = HistoryBook(tape, head, CostModel.from_settings(CostSettings()), 0.01, CASH)
    venue = exchange(dataset, 1, share=0.01)
    account = open_account(venue, CASH)
    told = []

    def sellable(ticker):
        return venue.floor.sellable(account, ticker)

    venue.floor.listeners.append(
        lambda e: told.append(e) if isinstance(e, Notice) and e.kind is NoticeKind.FILLED else None
    )
    first = next(n for n, moment in enumerate(tape.moments) if moment.date() == venue.floor.day)
    for _ in range(first + 1):
        list(book.advance())
    done = []
    for moment in tape.moments[first : first + 375]:
        assert tape.moments[head.t] == moment
        venue.advance_to(moment)
        ours = sorted((n.order.number, n.price, n.quantity) for n in told)
        assert ours == sorted((int(f.ref[1:]), f.price, f.quantity) for f in done)
        assert account.ledger.cash == book.ledger.cash
        told.clear()
        if draw.random() < 0.3:
            rules, price = venue.floor.name("005930").rules, int(tape.closes[head.t, 0])
            orders = random_orders(
                draw, ["005930"], sellable, lambda _, p=price: p, lambda _, r=rules: r
            )
            for ticker, side, quantity, limit in orders:
                venue.place(order(venue, side, quantity, limit or 0, ticker=ticker))
                book.place(book.next_ref(), 0, side, quantity, limit)
        done = [each.fill for each in book.advance() if isinstance(each, Executed)]
    assert account.trades
