"""The LLM as the decider of node 3: ask, check, repair once, and otherwise hold."""

from collections.abc import Mapping, Set
from typing import Protocol

from kisbt.config import RiskLimits
from kisbt.domain.llm import CallListener, LLMCall
from kisbt.domain.market import Instrument
from kisbt.domain.state import DecisionContext
from kisbt.domain.trading import Action, TradingPlan
from kisbt.errors import DeciderError
from kisbt.llm.blind import Mask, read_code
from kisbt.llm.draws import combine
from kisbt.llm.exchange import ChatRequest, Exchange, Message
from kisbt.llm.holdings import HoldingWatch
from kisbt.llm.messages import PromptRenderer
from kisbt.llm.plan_schema import PlanError, parse_plan, plan_schema
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
    ) -> None:
        if draws < 1:
            raise ValueError(f"a decision is drawn at least once, not {draws} times")
        self._client = client
        self._mask = mask
        self._draws = draws
        self._min_agreement = min_agreement
        self._listener = listener
        self._prose = prose
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
        asking = _Asking(self._client, self._listener, number)
        plans: list[TradingPlan] = []
        trouble: DeciderError | None = None
        for draw in range(self._draws):
            try:
                plans.append(self._drawn(asking, messages, draw, names))
            except DeciderError as error:
                trouble = error
        if not plans:
            raise trouble or DeciderError("no draw was made")
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

    def _drawn(
        self, asking: "_Asking", messages: tuple[Message, ...], draw: int, names: Set[str]
    ) -> TradingPlan:
        try:
            return self._asked(asking, messages, draw, names)
        except _InvalidReply as invalid:
            again = self._repair(invalid)
        try:
            return self._asked(asking, (*messages, *again), draw, names)
        except _InvalidReply as invalid:
            raise DeciderError(f"no valid plan after one repair: {invalid.why}") from None

    def _asked(
        self, asking: "_Asking", messages: tuple[Message, ...], draw: int, names: Set[str]
    ) -> TradingPlan:
        exchange = asking.ask(ChatRequest(messages, self._schema, draw))
        reply = exchange.reply or ""
        try:
            plan = parse_plan(reply, None if self._mask else names, prose=self._prose)
            if self._mask is not None:
                plan = _with_codes(plan, names)
        except PlanError as error:
            asking.tell(exchange, draw, "invalid", error.message)
            raise _InvalidReply(reply, error.message) from None
        asking.tell(exchange, draw, "valid", "")
        return plan

    def _repair(self, invalid: "_InvalidReply") -> tuple[Message, Message]:
        reply, why = invalid.reply[:_SHOWN_AGAIN], invalid.why
        if self._mask is not None:
            reply, why = self._mask.scrub(reply), self._mask.scrub(why)
        return Message("assistant", reply), Message("user", _REPAIR.format(why))


class _InvalidReply(Exception):  # noqa: N818 - a private signal
    def __init__(self, reply: str, why: str) -> None:
        super().__init__(why)
        self.reply = reply
        self.why = why


class _Asking:
    """Asks on behalf of one tick, and numbers and tells its exchanges."""

    def __init__(self, client: Asker, listener: CallListener | None, tick: int) -> None:
        self._client = client
        self._listener = listener
        self._tick = tick
        self._calls = 0

    def ask(self, request: ChatRequest) -> Exchange:
        """As the client; an exchange that rides on an error is told."""
        try:
            return self._client.ask(request)
        except DeciderError as error:
            exchange = getattr(error, "exchange", None)
            if isinstance(exchange, Exchange):
                self.tell(exchange, request.draw, "failed", exchange.error or error.message)
            raise

    def tell(self, exchange: Exchange, draw: int, status: str, error: str) -> None:
        """Tell the listener of one exchange."""
        call = self._calls
        self._calls += 1
        if self._listener is not None:
            self._listener.record_call(
                LLMCall(
                    tick=self._tick,
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
                )
            )


def _with_codes(plan: TradingPlan, names: Set[str]) -> TradingPlan:
    """The plan with every code as it was dealt, whichever way the model wrote it back.

    Raises:
        PlanError: a code is not in the data, or stands twice.
    """
    codes = [read_code(decision.ticker) for decision in plan.decisions]
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
