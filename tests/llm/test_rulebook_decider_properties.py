"""Whatever the policy and the market: the decider keeps to both, and repeats itself."""

from hypothesis import given, settings
from hypothesis import strategies as st

from kisbt.config import RiskLimits
from kisbt.domain.state import DecisionContext
from kisbt.domain.trading import Action
from kisbt.llm.rulebook_decider import RulebookDecider
from kisbt.rulebook.draft import Draft, compose
from kisbt.rulebook.evaluate import evaluate
from kisbt.rulebook.version import PromptVersion
from tests.llm.worlds import context, position
from tests.rulebook import samples
from tests.rulebook.samples import AT, draft, unhurried
from tests.rulebook.test_evaluate import holds

TICKERS = [f"{n:06d}" for n in range(6)]

loose = st.builds(
    lambda policy, rules: draft(policy=policy, rules=rules),
    samples.policies,
    samples.bare_rule_sets,
)
markets = st.dictionaries(st.sampled_from(TICKERS), samples.rows, max_size=6)
holdings = st.dictionaries(
    st.sampled_from(TICKERS), st.tuples(st.integers(1, 3000), st.integers(0, 100)), max_size=4
)
ticks = st.lists(st.tuples(markets, holdings, st.booleans()), min_size=1, max_size=5)
limits = st.builds(
    RiskLimits,
    max_weight=st.floats(0.01, 1),
    max_positions=st.integers(1, 6),
    max_exposure=st.floats(0.1, 1),
)


def seal(made: Draft) -> PromptVersion:
    return compose(made, 1, AT)


def contexts(days: list[tuple[dict, dict, bool]]) -> list[DecisionContext]:
    made, day = [], 0
    for number, (rows, held, next_day) in enumerate(days):
        day += next_day
        positions = [position(t, last=last, sellable=s) for t, (last, s) in held.items()]
        made.append(context(rows, positions, number=number, day=day))
    return made


def down(ticker: str, price: int) -> int:
    return price // 5 * 5


@settings(unhurried, max_examples=60)
@given(loose, limits, ticks)
def test_every_plan_keeps_to_policy_rules_and_limits(
    made: Draft, bounds: RiskLimits, days: list[tuple[dict, dict, bool]]
) -> None:
    version = seal(made)
    policy = version.policy
    decider = RulebookDecider(version, bounds, tick=down)
    asked: dict[object, set[str]] = {}
    for now in contexts(days):
        plan = decider.decide(now)
        held = {p.ticker: p for p in now.portfolio.positions}
        tickers = [d.ticker for d in plan.decisions]
        assert len(tickers) == len(set(tickers))
        kept = [d for d in plan.decisions if d.action is not Action.BUY]
        assert [d.ticker for d in kept] == list(held)
        for decision in kept:
            if decision.action is Action.SELL:
                assert held[decision.ticker].sellable > 0
        bought = [d for d in plan.decisions if d.action is Action.BUY]
        session = asked.setdefault(now.tick.session, set())
        for decision in bought:
            row = now.market.features[decision.ticker]
            effects = evaluate(version.rules, row)
            assert all(holds(c, row) for c in policy.entry)
            assert not any(holds(c, row) for c in policy.avoid)
            assert not effects.block_buy
            assert not effects.force_exit
            assert decision.target_weight is not None
            assert 0 < decision.target_weight <= min(policy.target_weight, bounds.max_weight)
            if effects.cap_weight is not None:
                assert decision.target_weight <= effects.cap_weight
            assert (decision.limit_price is None) is (policy.order == "market")
            assert decision.ticker not in session
        session |= {d.ticker for d in bought}
        assert len(session) <= policy.max_new_per_day
        assert not bought or len(held) + len(bought) <= bounds.max_positions
        assert all(d.justification for d in plan.decisions)


@settings(unhurried, max_examples=60)
@given(loose, ticks)
def test_two_deciders_on_the_same_ticks_give_the_same_plans(
    made: Draft, days: list[tuple[dict, dict, bool]]
) -> None:
    version = seal(made)
    first, second = (RulebookDecider(version, RiskLimits(), tick=down) for _ in range(2))
    for now in contexts(days):
        plan = first.decide(now)
        assert plan == second.decide(now)
        assert plan == first.decide(now)


@settings(unhurried, max_examples=60)
@given(loose, samples.bare_rules, ticks)
def test_another_block_or_cap_never_buys_a_name_at_a_larger_weight(
    made: Draft, extra: samples.Rule, days: list[tuple[dict, dict, bool]]
) -> None:
    rules = (*(r for r in made.rules if r.id != extra.id), extra)
    fewer = made.model_copy(update={"rules": rules[:-1]})
    more = made.model_copy(update={"rules": rules})
    now = contexts(days)[0]
    plans = [RulebookDecider(seal(d), RiskLimits(), tick=down).decide(now) for d in (fewer, more)]
    before, after = (
        {d.ticker: d.target_weight or 0 for d in plan.decisions if d.action is Action.BUY}
        for plan in plans
    )
    for ticker in before.keys() & after.keys():
        assert after[ticker] <= before[ticker]
