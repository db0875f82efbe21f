"""The rulebook: a deterministic decider that follows a prompt version's policy, without an LLM."""

from collections.abc import Callable
from datetime import date

from kisbt.config import RiskLimits
from kisbt.domain.rules import RuleEffects
from kisbt.domain.state import DecisionContext, FeatureRow, PositionStatus
from kisbt.domain.trading import Action, Decision, TradingPlan
from kisbt.errors import PromptError
from kisbt.rulebook.evaluate import compile_conditions, compile_rules
from kisbt.rulebook.version import PromptVersion
from kisbt.rulebook.wording import WORDINGS, spoken


class RulebookDecider:
    """Answers node 3 from thresholds and rules: exits first, then ranked entries.

    Rules bind here as they would bind an LLM that read them: ``force_exit`` sells, ``block_buy``
    drops the candidate, ``cap_weight`` lowers the target. ``scale_size`` and ``require_approval``
    are only named, because node 4 applies them and a factor must not be applied twice.

    State is kept for one run and starts over at tick 0: names already proposed in this session
    (for ``max_new_per_day``), and, by held ticker, the session and the highest close since it was
    first seen held (for ``max_holding_days`` and ``trailing_stop_pct``). Asking twice at the same
    tick gives the same plan.

    Args:
        version: The prompt version to follow.
        limits: Node 4's limits, so that hopeless proposals are not made.
        tick: ``(ticker, price in won) -> price on a tick``; needed by a policy of limit orders.

    Raises:
        PromptError: the policy asks for limit orders and ``tick`` is missing.
    """

    label = "rulebook (no LLM)"

    def __init__(
        self,
        version: PromptVersion,
        limits: RiskLimits,
        *,
        tick: Callable[[str, int], int] | None = None,
    ) -> None:
        policy = version.policy
        if policy.order == "limit" and tick is None:
            raise PromptError(
                f"prompt version {version.number} asks for limit orders, but no tick rule is given"
            )
        self._policy = policy
        self._limits = limits
        self._tick = tick
        self._weight = min(policy.target_weight, limits.max_weight)
        self._gate = compile_conditions(policy.market)
        self._enter = compile_conditions(policy.entry)
        self._avoid = compile_conditions(policy.avoid, needs="any")
        self._exit = compile_conditions(policy.exits, needs="any")
        self._exits = tuple((c.feature, compile_conditions((c,))) for c in policy.exits)
        self._effects = compile_rules(version.rules)
        self._told = tuple(dict.fromkeys(c.feature for c in (*policy.entry, *policy.market)))
        self._restart()

    def _restart(self) -> None:
        self._session: date | None = None
        self._session_number = 0
        self._asked: dict[str, int] = {}
        self._seen: dict[str, tuple[int, int]] = {}

    def decide(self, context: DecisionContext) -> TradingPlan:
        """Return exits and holds in the order of the positions, then buys, best first."""
        tick = context.tick
        if tick.number == 0:
            self._restart()
        if tick.session != self._session:
            self._session = tick.session
            self._session_number += 1
            self._asked = {}
        rows = context.market.features
        positions = context.portfolio.positions
        decisions = []
        seen: dict[str, tuple[int, int]] = {}
        for position in positions:
            first, peak = self._seen.get(position.ticker, (self._session_number, 0))
            if position.last_price > peak:
                peak = position.last_price
            seen[position.ticker] = (first, peak)
            days = self._session_number - first + 1
            decisions.append(self._judge(position, rows.get(position.ticker), peak, days))
        self._seen = seen
        exits = sum([decision.action is Action.SELL for decision in decisions])
        buys, why = self._entries(context)
        return TradingPlan(
            decisions=(*decisions, *buys),
            comment=f"매도 {exits}, 보유 {len(decisions) - exits}, 매수 {len(buys)}; {why}",
        )

    def _judge(
        self, position: PositionStatus, row: FeatureRow | None, peak: int, days: int
    ) -> Decision:
        ticker = position.ticker
        last, cost = position.last_price, position.average_price
        gain = round(100 * (last - cost) / cost, 6) if cost > 0 else 0.0
        if row is None or row.get("halted"):
            return Decision(
                ticker=ticker,
                action=Action.HOLD,
                justification=f"보유: 거래정지이거나 당일 시세가 없음, 손익 {gain:+.1f} %",
            )
        policy = self._policy
        reasons = []
        if policy.stop_loss_pct is not None and gain <= -policy.stop_loss_pct:
            reasons.append(f"손절: 손익 {gain:+.1f} % (기준 -{policy.stop_loss_pct:g} %)")
        if policy.take_profit_pct is not None and gain >= policy.take_profit_pct:
            reasons.append(f"익절: 손익 {gain:+.1f} % (기준 +{policy.take_profit_pct:g} %)")
        trail = policy.trailing_stop_pct
        if trail is not None and last * 100 <= peak * (100 - trail):
            fall = (last / peak - 1) * 100
            reasons.append(f"추적 손절: 고점 {peak:,}원 대비 {fall:+.1f} % (기준 -{trail:g} %)")
        if policy.max_holding_days is not None and days >= policy.max_holding_days:
            reasons.append(f"보유 기간: {days}거래일 (기준 {policy.max_holding_days}거래일)")
        if self._exit(row):
            met = [spoken(name, row[name]) for name, holds in self._exits if holds(row)]
            reasons.append(f"청산 조건: {', '.join(met)}")
        forced = self._effects(row).force_exit
        if forced:
            reasons.append(f"규칙 {', '.join(forced)}: 전량 매도")
        if reasons and position.sellable > 0:
            return Decision(
                ticker=ticker,
                action=Action.SELL,
                target_weight=0.0,
                justification="; ".join(reasons),
                rules=forced,
            )
        text = f"보유: 손익 {gain:+.1f} %, 비중 {position.weight * 100:.1f} %"
        if reasons:
            text += f"; 매도 가능 수량 없음 ({'; '.join(reasons)})"
        return Decision(ticker=ticker, action=Action.HOLD, justification=text)

    def _entries(self, context: DecisionContext) -> tuple[list[Decision], str]:
        rows = context.market.features
        first = next(iter(rows.values()), None)
        if first is None:
            return [], "시세가 있는 종목 없음"
        if not self._gate(first):
            mood = ", ".join(spoken(c.feature, first.get(c.feature)) for c in self._policy.market)
            return [], f"신규 매수 중단: {mood}"
        candidates = self._candidates(rows, self._seen)
        if not candidates:
            return [], "진입 조건을 채운 종목 없음"
        return self._choose(context, candidates)

    def _candidates(
        self, rows: dict[str, dict[str, float | None]], held: dict[str, tuple[int, int]]
    ) -> list[tuple[float, str]]:
        enter, avoid, rank = self._enter, self._avoid, self._policy.rank_by
        sign = -1.0 if self._policy.rank_order == "high" else 1.0
        found = []
        for ticker, row in rows.items():
            if enter(row) and ticker not in held and not avoid(row) and not row.get("halted"):
                value = row.get(rank)
                found.append((float("inf") if value is None else sign * value, ticker))
        found.sort()
        return found

    def _choose(
        self, context: DecisionContext, candidates: list[tuple[float, str]]
    ) -> tuple[list[Decision], str]:
        portfolio, market, number = context.portfolio, context.market, context.tick.number
        before = {ticker for ticker, at in self._asked.items() if at < number}
        slots = min(
            self._policy.max_new_per_day - len(before),
            self._limits.max_positions - len(portfolio.positions),
        )
        exposure = (self._limits.max_exposure - portfolio.exposure) * portfolio.equity
        room = min(portfolio.orderable_cash - self._limits.min_cash, exposure)
        buys: list[Decision] = []
        blocked = []
        for place, (_, ticker) in enumerate(candidates, start=1):
            if len(buys) >= slots or room < market.closes[ticker]:
                break
            if ticker in before:
                continue
            row = market.features[ticker]
            effects = self._effects(row)
            cap = effects.cap_weight
            weight = self._weight if cap is None else min(self._weight, cap)
            if effects.block_buy or effects.force_exit or weight <= 0:
                ids = effects.block_buy or effects.force_exit or effects.capped_by
                blocked.append(f"{ticker} {'·'.join(ids)}")
                continue
            rank = f"순위 {place}/{len(candidates)}"
            buys.append(self._buy(ticker, market.closes[ticker], row, weight, effects, rank))
            self._asked[ticker] = number
            room -= weight * portfolio.equity
        why = f"후보 {len(candidates)}"
        if len(buys) < len(candidates) - len(blocked):
            why += f", 하루 한도·자리·현금으로 {len(candidates) - len(blocked) - len(buys)} 보류"
        if blocked:
            why += f", 규칙으로 제외: {', '.join(blocked)}"
        return buys, why

    def _buy(
        self,
        ticker: str,
        close: int,
        row: FeatureRow,
        weight: float,
        effects: RuleEffects,
        rank: str,
    ) -> Decision:
        facts = ", ".join(spoken(name, row.get(name)) for name in self._told)
        by = WORDINGS.get(self._policy.rank_by)
        text = (
            f"진입: {facts}; {by.label if by else self._policy.rank_by} {rank}; "
            f"목표 비중 {weight * 100:.1f} %"
        )
        if effects.capped_by and weight == effects.cap_weight:
            text += f"; 규칙 {', '.join(effects.capped_by)}: 비중 한도"
        if effects.scaled_by:
            text += f"; 규칙 {', '.join(effects.scaled_by)}: 수량 {effects.scale:g}배"
        if effects.approval:
            text += f"; 규칙 {', '.join(effects.approval)}: 승인 필요"
        price = None
        if self._tick is not None and self._policy.order == "limit":
            price = self._tick(ticker, round(close * (1 + self._policy.limit_offset_pct / 100)))
        return Decision(
            ticker=ticker,
            action=Action.BUY,
            target_weight=weight,
            limit_price=price,
            justification=text,
            rules=tuple(sorted({*effects.capped_by, *effects.scaled_by, *effects.approval})),
        )
