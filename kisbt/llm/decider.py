"""The LLM as the decider of node 3: ask, check, repair once, and otherwise hold."""

from collections.abc import Iterator, Mapping, Set
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, Protocol, Self

from kisbt.config import RiskLimits
from kisbt.domain.llm import CallListener, LLMCall
from kisbt.domain.market import Instrument
from kisbt.domain.state import DecisionContext, Tick
from kisbt.domain.trading import Action, TradingPlan
from kisbt.errors import DeciderError, StopRun
from kisbt.llm.blind import Mask, read_code
from kisbt.llm.draws import combine
from kisbt.llm.exchange import ChatRequest, Exchange, Message
from kisbt.llm.holdings import HoldingWatch
from kisbt.llm.messages import PromptRenderer
from kisbt.llm.plan_schema import PlanError, parse_plan, plan_schema
from kisbt.llm.stops import ReplayMiss
from kisbt.rulebook.version import PromptVersion

_REPAIR = (
    "답이 약속에 맞지 않습니다: {}\n판단은 그대로 두고 형식만 고쳐, JSON 객체 하나만 다시 답하세요."
)

_SHOWN_AGAIN = 4_000
"""Characters of an invalid reply that the repair round shows the model again."""


class Asker(Protocol):
    """Whatever answers a request: a client over the wire, or a cache of recorded replies."""

    def ask(self, request: ChatRequest) -> Exchange:
        """Return what was answered.

        Raises:
            DeciderError: no answer; its ``exchange``, if any, is what came of it.
            StopRun: the run must end here.
        """
        ...


class LLMDecider:
    """Answers node 3 by asking a model under a prompt version.

    Each draw is one request, and one more when the reply is no valid plan. State of one run
    (sessions held, peaks, proposals of the day) starts over at tick 0.

    Args:
        version: The prompt.
        client: Answers requests.
        limits: Node 4's limits, told to the model.
        instruments: The universe by ticker.
        mask: Blind mode when given.
        draws: How often each decision is drawn.
        min_agreement: Least share of draws that must give an action for it to be taken.
        listener: Told of every exchange as it happens, before the plan is acted upon.
        model: Name of the model, for the label.
        prose: Whether words may stand around the JSON; see ``parse_plan``.
        workers: Draws of one decision in flight; more than one is for servers, not for replays.

    Raises:
        ValueError: ``draws`` is below 1.
    """

    def __init__(
        self,
        version: PromptVersion,
        client: Asker,
        limits: RiskLimits,
        instruments: Mapping[str, Instrument],
        *,
        mask: Mask | None = None,
        draws: int = 1,
        min_agreement: float = 0.0,
        listener: CallListener | None = None,
        model: str = "",
        prose: bool = True,
        workers: int = 1,
    ) -> None:
        if draws < 1:
            raise ValueError(f"a decision is drawn at least once, not {draws} times")
        self._client = client
        self._mask = mask
        self._draws = draws
        self._min_agreement = min_agreement
        self._listener = listener
        self._prose = prose
        self._workers = min(workers, draws)
        self._watch = HoldingWatch()
        self._renderer = PromptRenderer(version, limits, instruments, mask)
        self._rules = frozenset(rule.id for rule in version.rules)
        self._schema = plan_schema(tuple(instruments) if mask is None else mask.codes)
        shown = "names shown" if mask is None else "blind"
        times = f", {draws} draws" if draws > 1 else ""
        self.label = f"LLM {model or 'unnamed'} ({shown}{times})"

    def decide(self, context: DecisionContext) -> TradingPlan:
        """Return the model's plan in real tickers, won and shares.

        Raises:
            DeciderError: no draw gave a valid plan.
            StopRun: the budget is spent, or a replay misses a reply.
        """
        number = context.tick.number
        positions = context.portfolio.positions
        held = self._watch.observe(context.tick, positions)
        proposed = self._watch.proposed_before(number)
        messages = self._renderer.messages(context, held, proposed)
        code = self._renderer.code
        names = {code(t) for t in context.market.features} | {code(p.ticker) for p in positions}
        drawn = [
            _Draw(self._client, messages, self._schema, draw, names, self._prose, self._mask)
            for draw in range(self._draws)
        ]
        plans = self._plans(drawn, context.tick)
        plan = plans[0]
        if self._draws > 1:
            plan = combine(plans, self._draws, self._min_agreement)
        plan = _with_rules(plan, self._rules)
        if self._mask is not None:
            plan = self._mask.unmask(plan, context)
        for decision in plan.decisions:
            if decision.action is Action.BUY:
                self._watch.propose(decision.ticker, number)
        return plan

    def _plans(self, drawn: "list[_Draw]", tick: Tick) -> list[TradingPlan]:
        """Ask for every draw; tell the exchanges in the order of the draws, whoever was first.

        Raises:
            DeciderError: no draw gave a plan.
            StopRun: as ``decide``; what was asked until then is told.
        """
        calls = 0
        plans: list[TradingPlan] = []
        trouble: DeciderError | None = None
        stop: StopRun | None = None
        for draw in _run_all(drawn, self._workers):
            for told in draw.exchanges:
                if self._listener is not None:
                    self._listener.record_call(_call(tick.number, calls, draw.number, told))
                calls += 1
            stop = stop or draw.stop
            if draw.plan is not None:
                plans.append(draw.plan)
            trouble = draw.trouble or trouble
        if isinstance(stop, ReplayMiss):
            raise stop.at(tick.number, tick.at) from None
        if stop is not None:
            raise stop
        if not plans:
            raise trouble or DeciderError("no draw was made")
        return plans


class _Told(NamedTuple):
    exchange: Exchange
    status: str
    error: str


class _Draw:
    """One draw of one decision: a question, its repair if it needs one, and what came of them."""

    def __init__(
        self,
        client: Asker,
        messages: tuple[Message, ...],
        schema: Mapping[str, Any],
        number: int,
        names: Set[str],
        prose: bool,
        mask: Mask | None,
    ) -> None:
        self._client = client
        self._messages = messages
        self._schema = schema
        self._names = names
        self._prose = prose
        self._mask = mask
        self.number = number
        self.exchanges: list[_Told] = []
        self.plan: TradingPlan | None = None
        self.trouble: DeciderError | None = None
        self.stop: StopRun | None = None

    def run(self) -> Self:
        """Ask; never raises what the client may raise, but keeps it."""
        try:
            self.plan = self._asked(self._messages) or self._repaired()
        except DeciderError as error:
            self._keep(error)
            self.trouble = error
        except StopRun as stop:
            self._keep(stop)
            self.stop = stop
        return self

    def _asked(self, messages: tuple[Message, ...]) -> TradingPlan | None:
        exchange = self._client.ask(ChatRequest(messages, self._schema, self.number))
        try:
            plan = parse_plan(
                exchange.reply or "", None if self._mask else self._names, prose=self._prose
            )
            if self._mask is not None:
                plan = _with_codes(plan, self._names)
        except PlanError as error:
            self.exchanges.append(_Told(exchange, "invalid", error.message))
            return None
        self.exchanges.append(_Told(exchange, "valid", ""))
        return plan

    def _repaired(self) -> TradingPlan:
        exchange, _, why = self.exchanges[-1]
        reply = (exchange.reply or "")[:_SHOWN_AGAIN]
        if self._mask is not None:
            reply, why = self._mask.scrub(reply), self._mask.scrub(why)
        again = Message("assistant", reply), Message("user", _REPAIR.format(why))
        plan = self._asked((*self._messages, *again))
        if plan is None:
            why = self.exchanges[-1].error
            raise DeciderError(f"no valid plan after one repair: {why}")
        return plan

    def _keep(self, error: DeciderError | StopRun) -> None:
        """An exchange that rides on an error was made, and perhaps paid, like any other."""
        exchange = getattr(error, "exchange", None)
        if isinstance(exchange, Exchange):
            self.exchanges.append(_Told(exchange, "failed", exchange.error or error.message))


def _run_all(drawn: list[_Draw], workers: int) -> Iterator[_Draw]:
    """Run the draws and yield them in order; with one worker none follows one that must stop."""
    if workers <= 1:
        for draw in drawn:
            yield draw.run()
            if draw.stop is not None:
                return
        return
    with ThreadPoolExecutor(workers) as pool:
        yield from pool.map(_Draw.run, drawn)


def _call(tick: int, call: int, draw: int, told: _Told) -> LLMCall:
    exchange, status, error = told
    return LLMCall(
        tick=tick,
        call=call,
        draw=draw,
        key=exchange.key,
        model=exchange.model,
        source=exchange.source,
        status=status,
        request=exchange.request,
        reply=exchange.reply,
        tokens_in=exchange.tokens_in,
        tokens_out=exchange.tokens_out,
        tokens_cached=exchange.tokens_cached,
        cost_usd=exchange.cost_usd,
        cost_krw=exchange.cost_krw,
        latency_ms=exchange.latency_ms,
        at=exchange.at,
        error=error,
        attempts=exchange.attempts,
    )


def _with_codes(plan: TradingPlan, names: Set[str]) -> TradingPlan:
    """The plan with every code as it was dealt, whichever way the model wrote it back.

    Raises:
        PlanError: a code is not in the data, or stands twice.
    """
    written = [decision.ticker for decision in plan.decisions]
    once = set(written)
    if len(once) == len(written) and once <= names:
        return plan
    codes = [read_code(ticker) for ticker in written]
    for index, code in enumerate(codes):
        if code not in names:
            raise PlanError(f"decisions[{index}].ticker: '{code}' is not in the data")
        if code in codes[:index]:
            raise PlanError(f"decisions[{index}].ticker: '{code}' stands twice")
    if all(code == d.ticker for code, d in zip(codes, plan.decisions, strict=True)):
        return plan
    decisions = tuple(
        decision.model_copy(update={"ticker": code})
        for code, decision in zip(codes, plan.decisions, strict=True)
    )
    return plan.model_copy(update={"decisions": decisions})


def _with_rules(plan: TradingPlan, known: Set[str]) -> TradingPlan:
    """The plan without rules that the prompt does not have: learning counts what rules did."""
    if all(rule in known for decision in plan.decisions for rule in decision.rules):
        return plan
    decisions = tuple(
        decision.model_copy(update={"rules": tuple(r for r in decision.rules if r in known)})
        for decision in plan.decisions
    )
    return plan.model_copy(update={"decisions": decisions})
