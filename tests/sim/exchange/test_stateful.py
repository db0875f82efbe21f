"""Any stream of orders: nothing is made from nothing, and nothing trades beyond the rules."""

import random
from contextlib import suppress
from datetime import datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from kisbt.domain.trading import Side
from kisbt.krx.fills import cap_quantity
from kisbt.krx.ticks import round_down
from kisbt.sim.exchange.events import Notice, NoticeKind
from kisbt.sim.exchange.hours import Phase
from kisbt.sim.exchange.orders import Revision
from kisbt.sim.exchange.refusals import RefusedError
from tests.sim.venue import daily_dataset, exchange, minute_dataset, open_account, order

DAILY, MINUTES = daily_dataset(), minute_dataset()
TICKERS = ("005930", "247540")


class Trading(RuleBasedStateMachine):
    """Two names, one account, a small share of the volume, random orders at random times."""

    data, day, cash, share = DAILY, 130, 30_000_000, 0.0002

    def __init__(self):
        super().__init__()
        self.venue = exchange(self.data, self.day, share=self.share)
        self.account = open_account(self.venue, self.cash)
        self.fills: list[Notice] = []
        self.heard: list[Notice] = []
        self.phases: list[Phase] = []
        self.venue.floor.listeners.append(self._hear)
        self.tickers = [t for t in TICKERS if t in self.data.bars]
        self.start = self.venue.now
        self.venue.advance_to(self.start + timedelta(hours=8, minutes=45))

    def _hear(self, event):
        if isinstance(event, Notice):
            self.heard.append(event)
            if event.kind is NoticeKind.FILLED:
                self.fills.append(event)
                self.phases.append(self.venue.floor.phase)

    @property
    def resting(self):
        return self.venue.floor.resting_of(self.account.key)

    @rule(buy=st.booleans(), quantity=st.integers(1, 60), where=st.sampled_from([1, 0, -1, 2, -3]))
    def trade(self, buy, quantity, where):
        """An order that has a good chance, several a step so that they queue."""
        kind = "00" if where else "01"
        for ticker in self.tickers:
            side = Side.BUY if buy or not self.account.quantity(ticker) else Side.SELL
            self.place(ticker, side, quantity, kind, where)

    @rule(
        ticker=st.sampled_from(TICKERS),
        side=st.sampled_from(Side),
        quantity=st.integers(0, 400),
        kind=st.sampled_from(["00", "01", "02", "03", "04", "05", "06", "07", "11", "13", "14"]),
        where=st.integers(-35, 35),
    )
    def any_order(self, ticker, side, quantity, kind, where):
        self.place(ticker, side, quantity, kind, where)

    def place(self, ticker, side, quantity, kind, where):
        if ticker not in self.tickers:
            return
        name = self.venue.floor.name(ticker)
        price = round_down(max(1, name.price * (100 + where) // 100), *name.rules)
        priced = kind in ("00", "02", "07", "11")
        cash, held = self.account.ledger.cash, dict(self.account.positions)
        reserved = self.account.ledger.reserved
        new = order(self.venue, side, quantity, price if priced else 0, kind=kind, ticker=ticker)
        try:
            self.venue.place(new)
        except RefusedError:
            assert self.account.ledger.cash == cash
            assert self.account.ledger.reserved == reserved
            assert dict(self.account.positions) == held

    @precondition(lambda self: self.resting)
    @rule(data=st.data(), part=st.none() | st.integers(0, 50))
    def cancel(self, data, part):
        target = data.draw(st.sampled_from(self.resting))
        try:
            self.venue.cancel(self.account.key, target.number, part, self.venue.floor.day)
        except RefusedError:
            return
        assert part is not None or target.remaining == 0

    @precondition(lambda self: self.resting)
    @rule(data=st.data(), part=st.none() | st.integers(1, 50), where=st.integers(-8, 8))
    def modify(self, data, part, where):
        target = data.draw(st.sampled_from(self.resting))
        name = self.venue.floor.name(target.ticker)
        price = round_down(max(1, name.price * (100 + where) // 100), *name.rules)
        reserved, left = self.account.ledger.reserved, target.remaining
        day = self.venue.floor.day
        try:
            self.venue.modify(self.account.key, target.number, part, "00", price, day)
        except RefusedError:
            assert self.account.ledger.reserved == reserved
            assert target.remaining == left

    @rule(minutes=st.sampled_from([1, 20, 75]))
    def wait(self, minutes):
        self.venue.advance_to(self.venue.now + timedelta(minutes=minutes))

    @rule()
    def sleep(self):
        following = self.venue.next_day
        if following is not None:
            morning = datetime.combine(following, datetime.min.time()) + timedelta(hours=8.75)
            self.venue.advance_to(max(self.venue.now, morning))

    @rule(ticker=st.sampled_from(TICKERS), kind=st.sampled_from(["H", "1", "2"]))
    def interrupt(self, ticker, kind):
        if ticker in self.tickers:
            self.venue.interrupt(ticker, kind, 7)

    @invariant()
    def money_and_shares_are_conserved(self):
        costs = sum(o.costs for day in self.venue.floor.orders.values() for o in day.values())
        net, shares = 0, {}
        for notice in self.fills:
            sign = 1 if notice.order.side is Side.BUY else -1
            net -= sign * notice.price * notice.quantity
            shares[notice.order.ticker] = (
                shares.get(notice.order.ticker, 0) + sign * notice.quantity
            )
        assert self.account.ledger.cash == self.cash + net - costs
        held = {t: p.quantity for t, p in self.account.positions.items()}
        assert held == {t: q for t, q in shares.items() if q}

    @invariant()
    def reservations_are_what_resting_buys_may_cost(self):
        ledger, floor = self.account.ledger, self.venue.floor
        assert 0 <= ledger.reserved <= ledger.cash
        worst = 0
        for resting in self.resting:
            assert resting.remaining > 0
            if resting.side is Side.BUY:
                name = floor.name(resting.ticker)
                price = resting.limit if resting.limit is not None else name.band.upper
                worst += floor.costs.buy_total(price, resting.remaining, name.instrument.product)
        assert ledger.reserved == worst

    @invariant()
    def no_more_is_promised_than_held(self):
        for ticker in self.tickers:
            assert self.venue.floor.sellable(self.account, ticker) >= 0

    @invariant()
    def every_order_adds_up(self):
        for day in self.venue.floor.orders.values():
            for each in day.values():
                if each.revision is Revision.CANCEL:
                    continue
                parts = each.filled + each.remaining + each.cancelled + each.moved + each.expired
                assert parts == each.quantity
                told = sum(n.quantity for n in self.fills if n.order is each)
                assert told == each.filled
                assert each.amount == sum(
                    n.quantity * n.price for n in self.fills if n.order is each
                )

    @invariant()
    def no_fill_leaves_limits_bars_sessions_or_the_cap(self):
        floor, taken = self.venue.floor, {}
        for notice, phase in zip(self.fills, self.phases, strict=True):
            placed = notice.order
            band = floor.market.band(placed.ticker, placed.day)
            assert band is None or band.holds(notice.price)
            assert notice.at >= placed.at
            assert phase is not Phase.CLOSED
            if placed.price and placed.kind in ("00", "07", "11"):
                better = notice.price <= placed.price
                assert better if placed.side is Side.BUY else notice.price >= placed.price
            if placed.kind in ("05", "06", "07"):
                continue
            bars = floor.market.bars(placed.ticker, placed.day)
            if len(bars) == 1:
                bar = bars[0].bar
                assert bar.low <= notice.price <= bar.high
                key = placed.ticker, placed.day
                taken[key] = taken.get(key, 0) + notice.quantity
                assert taken[key] <= cap_quantity(bar.volume, self.share)

    def teardown(self):
        again = exchange(self.data, self.day, share=self.share)
        again.replay(self.venue.commands, self.venue.now)
        twin = again.floor.accounts[self.account.key]
        assert twin.ledger.cash == self.account.ledger.cash
        assert twin.positions == self.account.positions
        assert again.floor.orders == self.venue.floor.orders


class MinuteTrading(Trading):
    """The same on one-minute bars."""

    data, day, share = MINUTES, 1, 0.01


TestTrading = Trading.TestCase
TestTrading.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestMinuteTrading = MinuteTrading.TestCase
TestMinuteTrading.settings = settings(max_examples=15, stateful_step_count=25, deadline=None)


@pytest.mark.parametrize("machine", [Trading, MinuteTrading])
def test_a_long_life_of_random_orders_breaks_nothing(machine):
    draw, life = random.Random(5), machine()
    kinds = ["00", "00", "01", "01", "02", "03", "04", "05", "06", "07", "11", "13", "14"]
    for number in range(900):
        dice = draw.random()
        if dice < 0.55:
            life.place(
                draw.choice(life.tickers),
                draw.choice(list(Side)),
                draw.randint(0, 60),
                draw.choice(kinds),
                draw.choice([-35, -2, -1, 0, 0, 0, 1, 2, 35]),
            )
        elif dice < 0.7 and life.resting:
            target = draw.choice(life.resting)
            day, part = life.venue.floor.day, draw.choice([None, 1, 5])
            with suppress(RefusedError):
                if draw.random() < 0.5:
                    life.venue.cancel(life.account.key, target.number, part, day)
                else:
                    price = life.venue.floor.name(target.ticker).price
                    life.venue.modify(life.account.key, target.number, part, "00", price, day)
        elif dice < 0.72:
            life.interrupt(draw.choice(life.tickers), draw.choice("H12"))
        elif dice < 0.74:
            life.sleep()
        else:
            life.wait(draw.choice([1, 5, 30]))
        life.reservations_are_what_resting_buys_may_cost()
        life.no_more_is_promised_than_held()
        if number % 20 == 0:
            life.money_and_shares_are_conserved()
            life.every_order_adds_up()
            life.no_fill_leaves_limits_bars_sessions_or_the_cap()
    assert len(life.fills) > 50
    life.teardown()
