"""Orders that wait for a person's word (승인 모드): asked in a tick, sent or dropped later."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal, NamedTuple, Protocol

from sqlalchemy import select

from kisbt.domain.ports import Executor, Notifier
from kisbt.domain.state import Tick, TradingState
from kisbt.domain.trading import Action, Decision, OrderIntent, Side, TradingPlan
from kisbt.journal.controls import Approval, Controls
from kisbt.journal.database import DatabaseManager
from kisbt.journal.record import from_iso
from kisbt.journal.schema import orders
from kisbt.krx import calendar
from kisbt.run.live_safety import EVERY_SECONDS
from kisbt.trading_graph.analyze_market_conditions import analyze_market_conditions
from kisbt.trading_graph.desk import Desk
from kisbt.trading_graph.execute_trading_plan import execute_trading_plan
from kisbt.trading_graph.fetch_portfolio_status import fetch_portfolio_status
from kisbt.trading_graph.validate_trading_plan import validate_trading_plan

Mode = Literal["none", "above", "all"]

BEFORE_OPEN = timedelta(minutes=1)
"""An order for the opening auction must be approved this long before it."""


class ApprovalRules(NamedTuple):
    """What waits, and how long. ``above`` is won, ``minutes`` the venue's.

    Orders decided at a day's close wait until the session they are meant for opens.
    """

    mode: Mode = "none"
    above: int = 0
    minutes: float = 30.0


class _TickExecutor(Executor, Protocol):
    def begin(self, tick: int) -> None: ...


class _Granted:
    """The approver once a person has said yes: nothing waits again."""

    def wants(self, _intent: OrderIntent, _close: int) -> bool:
        """Nothing."""
        return False

    def ask(self, _tick: Tick, _waiting: Sequence[OrderIntent], _why: Sequence[str]) -> str:
        """Never called."""
        raise AssertionError("an approved order asked again")


class _Seat(NamedTuple):
    context: Desk


class WaitingOrders:
    """The approver of one session: puts questions into the journal and acts on their answers.

    Args:
        db: The open journal.
        controls: The same, as people use it.
        run_id: Tells the run whose orders wait.
        scope: The account.
        rules: What waits.
        clock: The venue's time.
        executor: Sends what was approved.
        notifier: Tells people that something waits, and what became of it.
        every: Wall seconds between two looks for answers.
    """

    def __init__(
        self,
        db: DatabaseManager,
        controls: Controls,
        *,
        run_id: Callable[[], str],
        scope: str,
        rules: ApprovalRules,
        clock: Callable[[], datetime],
        executor: _TickExecutor,
        notifier: Notifier,
        every: float = EVERY_SECONDS,
    ) -> None:
        self._db = db
        self._controls = controls
        self._run_id, self._scope = run_id, scope
        self._rules = rules
        self._clock = clock
        self._executor = executor
        self._notifier = notifier
        self._every = every
        self._looked = -every
        self._open: dict[str, Approval] = {}
        for each in controls.approvals(scope):
            if each.run_id != run_id():
                if each.answer is None:  # its run is over, and nobody will act on an answer
                    controls.answer(each.approval_id, "expired", "kisbt")
            elif each.answer in (None, "approved") and from_iso(each.expires_at) > clock():
                self._open[each.approval_id] = each

    @property
    def waiting(self) -> tuple[Approval, ...]:
        """Questions without an answer that this session knows of."""
        return tuple(self._open.values())

    def wants(self, intent: OrderIntent, close: int) -> bool:
        """Whether this order must wait: by a learned rule, or by what the session was told."""
        if intent.approval or self._rules.mode == "all":
            return True
        worth = intent.quantity * (intent.limit_price or close)
        return self._rules.mode == "above" and worth > self._rules.above

    def ask(self, tick: Tick, waiting: Sequence[OrderIntent], why: Sequence[str]) -> str:
        """Write one question with all the orders; they are sent when it is answered in time."""
        question = "; ".join(map(_in_words, waiting, why))
        expires = self._expiry(tick)
        approval_id = self._controls.ask(
            self._run_id(), self._scope, tick.number, question, waiting,
            at=tick.at, expires=expires,
        )  # fmt: skip
        asked = self._controls.approvals(self._scope, run_id=self._run_id())
        self._open.update({a.approval_id: a for a in asked if a.approval_id == approval_id})
        self._notifier.notify(
            "alert",
            f"승인 대기 {approval_id} ({expires:%m-%d %H:%M}까지): {question}"
            f" · kisbt approve {approval_id}",
        )
        return approval_id

    def settle(self, desk: Desk) -> list[str]:
        """Act on answers and expiries since the last call; return the references of orders sent.

        Call on the thread that owns the broker.
        """
        if not self._open or not self._due():
            return []
        answers = {
            each.approval_id: each for each in self._controls.approvals(self._scope)
        }  # fmt: skip
        sent: list[str] = []
        for approval_id in list(self._open):
            found = answers[approval_id]
            if from_iso(found.expires_at) <= self._clock():
                del self._open[approval_id]
                self._expire(found)
            elif found.answer == "approved":
                del self._open[approval_id]
                sent += self._send(found, desk)
            elif found.answer is not None:
                del self._open[approval_id]
                self._notifier.notify("info", f"승인 거부 {approval_id}: {found.question}")
        return sent

    def next_expiry(self) -> datetime | None:
        """Venue time at which the next question expires, ``None`` without one."""
        return min((from_iso(each.expires_at) for each in self._open.values()), default=None)

    def _due(self) -> bool:
        """Whether to look at the journal: now and then, and when a question expires."""
        wall, expiry = time.monotonic(), self.next_expiry()
        if wall - self._looked >= self._every or (expiry is not None and expiry <= self._clock()):
            self._looked = wall
            return True
        return False

    def _expire(self, found: Approval) -> None:
        if found.answer is None:
            self._controls.answer(found.approval_id, "expired", "kisbt")
        self._notifier.notify("warning", f"승인 시한 지남 {found.approval_id}: {found.question}")

    def _send(self, found: Approval, desk: Desk) -> list[str]:
        """Judge the orders again, as the account stands now, and send what still passes."""
        mine = [intent for intent in found.orders if not self._sent(found, intent.decision)]
        market = desk.market
        tick = Tick(found.tick, market.now(), market.session())
        state: TradingState = {"tick": tick, "plan": _plan(mine)}
        seat = _Seat(replace(desk, approver=_Granted()))
        state.update(fetch_portfolio_status(state, seat))
        state.update(analyze_market_conditions(state, seat))
        state.update(validate_trading_plan(state, seat))
        passed = tuple(
            intent.model_copy(update={"decision": mine[intent.decision].decision})
            for intent in state["approved"]
            if intent.decision < len(mine)  # exits that rules force are the next tick's
        )
        self._executor.begin(found.tick)
        state.update(execute_trading_plan({**state, "approved": passed}, seat))
        refused = [
            f"{verdict.ticker}: {verdict.reason}"
            for verdict in state["verdicts"][: len(mine)]
            if verdict.quantity == 0
        ]
        refused += [f"{r.ticker}: {r.reason}" for r in state["receipts"] if not r.accepted]
        sent = [receipt.ref for receipt in state["receipts"] if receipt.accepted]
        text = f"승인됨 {found.approval_id}: 주문 {len(sent)}건 접수"
        if "failure" in state:
            refused.append(state["failure"].error)
        if refused:
            text += f", 보내지 않음 {'; '.join(refused)}"
        self._notifier.notify("warning" if refused else "info", text)
        return sent

    def _sent(self, found: Approval, decision: int) -> bool:
        """Whether an order of that decision is in the journal: sent before a crash, say."""
        query = select(orders.c.ref).where(
            orders.c.run_id == found.run_id,
            orders.c.tick == found.tick,
            orders.c.seq == decision,
        )
        with self._db.reading() as connection:
            return connection.execute(query).first() is not None

    def _expiry(self, tick: Tick) -> datetime:
        hours = calendar.session_hours(tick.session)
        if tick.at < hours.open:  # decided before that session: there is time until it opens
            return hours.open - BEFORE_OPEN
        return tick.at + timedelta(minutes=self._rules.minutes)


def _plan(intents: Sequence[OrderIntent]) -> TradingPlan:
    """The orders as decisions, to be judged again in the account's present state."""
    return TradingPlan(
        decisions=tuple(
            Decision(
                ticker=intent.ticker,
                action=Action.BUY if intent.side is Side.BUY else Action.SELL,
                quantity=intent.quantity,
                limit_price=intent.limit_price,
                confidence=1.0,
                justification="승인된 주문",
            )
            for intent in intents
        )
    )


def _in_words(intent: OrderIntent, why: str) -> str:
    side = "매수" if intent.side is Side.BUY else "매도"
    price = f"{intent.limit_price:,}원" if intent.limit_price else "시장가"
    rules = f" [규칙 {', '.join(intent.approval)}]" if intent.approval else ""
    return f"{intent.ticker} {side} {intent.quantity:,}주 {price}{rules} ({why})"
