"""Gathers what the live view shows. On Cerebro's thread."""

from datetime import datetime
from typing import TYPE_CHECKING

from kisbt.domain.trading import OrderState, Side
from kisbt.krx import calendar
from kisbt.run.live_order import Names
from kisbt.run.live_venue import Venue
from kisbt.run.live_view import OrderLine, PositionLine, Screen

if TYPE_CHECKING:
    from kisbt.run.live_desk import Opened

_OVER = (OrderState.FILLED, OrderState.CANCELLED, OrderState.EXPIRED, OrderState.REJECTED)
_STATES = {
    OrderState.INTENT: "대기",
    OrderState.SENT: "보냄",
    OrderState.ACCEPTED: "접수",
    OrderState.PARTIAL: "일부 체결",
    OrderState.FILLED: "체결",
    OrderState.CANCELLED: "취소",
    OrderState.EXPIRED: "만료",
    OrderState.REJECTED: "거부",
    OrderState.UNKNOWN: "확인 중",
}


class Scene:
    """The session as a person sees it."""

    def __init__(self, opened: "Opened", venue: Venue, names: Names) -> None:
        self._opened = opened
        self._venue = venue
        self._names = {each.ticker: each.name for each in names.instruments}

    def screen(self) -> Screen:
        """Everything at this moment."""
        opened, broker = self._opened, self._opened.session.broker
        now, value = opened.clock.now(), broker.valuation
        mode, reason = opened.mode()
        waiting = opened.session.waiting
        return Screen(
            title=f"kisbt live · {self._venue.said}",
            at=now,
            phase=phase_of(now),
            days=f"{len(opened.days.done)}일째" if opened.days.done else "첫날",
            cash=value.cash,
            equity=value.equity,
            start_equity=opened.start_equity,
            mode=mode,
            reason=reason,
            drawdown=opened.losses.drawdown,
            daily_loss=opened.losses.daily_loss,
            positions=self._positions(value.equity),
            decisions=tuple(opened.books.recent)[:6],
            orders=self._orders(),
            health=self._health(),
            alerts=tuple(opened.announcer.recent)[-5:],
            halts=[f"{h.reason} ({h.halted_at[:19]})" for h in opened.setup.halts.halts],
            approvals=[f"{a.approval_id}: {a.question}" for a in waiting.waiting]
            if waiting is not None
            else (),
        )

    def _positions(self, equity: int) -> list[PositionLine]:
        broker = self._opened.session.broker
        closes = self._opened.store.market.closes()
        lines = []
        for ticker, holding in sorted(broker.holdings().items()):
            close = closes.get(ticker, 0)
            worth = close * holding.quantity
            average = holding.average_price
            lines.append(
                PositionLine(
                    ticker,
                    self._names.get(ticker, ""),
                    holding.quantity,
                    average,
                    close,
                    worth,
                    worth / equity if equity else 0.0,
                    (close / average - 1) * 100 if average else 0.0,
                )
            )
        return lines

    def _orders(self) -> list[OrderLine]:
        events = list(self._opened.books.orders.values())
        resting = [each for each in events if each.state not in _OVER]
        ended = [each for each in events if each.state in _OVER]
        return [
            OrderLine(
                e.ref,
                e.ticker,
                self._names.get(e.ticker, ""),
                "매수" if e.side is Side.BUY else "매도",
                e.quantity,
                e.filled,
                e.limit_price,
                _STATES[e.state],
            )
            for e in [*resting, *ended[::-1]][:6]
        ]

    def _health(self) -> list[tuple[str, str]]:
        health = self._opened.store.health()
        stream = {None: "없음", True: "연결", False: "끊김"}[health.connected]
        said = [("스트림", stream), ("등록", f"{health.registrations}/{health.places}")]
        if health.last_bar is not None:
            said.append(("마지막 봉", f"{health.last_bar:%m-%d %H:%M}"))
        said.append(("요청 한도", f"{self._venue.client.session.load:.0%}"))
        if health.drops or health.lost:
            said.append(("끊김/잃음", f"{health.drops}/{health.lost}"))
        return said


def phase_of(now: datetime) -> str:
    """What the exchange is doing, in a word."""
    day = now.date()
    if not calendar.is_session(day):
        return "휴장"
    hours = calendar.session_hours(day)
    if now < hours.open:
        return "장 시작 전"
    return "장 중" if now < hours.close else "장 마감"
