"""No identifier, date, price or amount of the market reaches a model in blind mode."""

import json
import re
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from kisbt.config import RiskLimits
from kisbt.domain.market import Instrument
from kisbt.domain.state import (
    DecisionContext,
    MarketAnalysis,
    PortfolioStatus,
    PositionStatus,
    Tick,
)
from kisbt.errors import DeciderError
from kisbt.llm.blind import Mask
from kisbt.llm.decider import LLMDecider
from kisbt.rulebook.draft import compose
from kisbt.rulebook.version import PromptVersion
from tests.llm.fakes import Calls, ScriptedAsker, line, reply
from tests.rulebook.samples import AT, TEXT, draft, policy, rule, unhurried

SYLLABLES = "갑을병정무기경신임계축묘"
FEATURES = (
    "breadth",
    "change_pct",
    "days_since_listing",
    "market_mood",
    "program_net_buy_krw",
    "value_traded_krw",
    "volume_ratio",
)


class World(NamedTuple):
    """A market of one day: instruments, and per name its close, shares, cost and features."""

    instruments: tuple[Instrument, ...]
    closes: tuple[int, ...]
    quantities: tuple[int, ...]
    costs: tuple[int, ...]
    rows: tuple[dict[str, float | None], ...]
    cash: int
    day: date


prices = st.integers(1_000_003, 900_000_000)
tickers = st.from_regex(r"[1-9][0-9]{4}[A-Z0-9]", fullmatch=True)
names = st.text(SYLLABLES, min_size=4, max_size=8)
days = st.dates(date(1990, 1, 1), date(2039, 12, 31))
amounts = st.floats(1_000_001, 1e13, allow_nan=False)
rows = st.fixed_dictionaries(
    {
        "breadth": st.floats(0, 1),
        "change_pct": st.none() | st.floats(-30, 30),
        "days_since_listing": st.none() | st.floats(1_001, 20_000),
        "market_mood": st.floats(0, 100),
        "program_net_buy_krw": amounts | amounts.map(lambda value: -value),
        "value_traded_krw": st.none() | amounts,
        "volume_ratio": st.none() | st.floats(0, 50),
    }
)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    size = draw(st.integers(1, 5))
    several: Any = {"min_size": size, "max_size": size}
    codes = draw(st.lists(tickers, unique=True, **several))
    called = draw(st.lists(names, unique=True, **several))
    instruments = tuple(
        Instrument(ticker=t, name=n, sector=n[::-1] + "업", listed=draw(days))
        for t, n in zip(sorted(codes), called, strict=True)
    )
    return World(
        instruments,
        tuple(draw(st.lists(prices, **several))),
        tuple(draw(st.lists(st.integers(0, 10**6), **several))),
        tuple(draw(st.lists(prices, **several))),
        tuple(draw(st.lists(rows, **several))),
        2 * draw(st.integers(0, 10**13)),
        draw(days),
    )


def context_of(world: World, number: int = 0) -> DecisionContext:
    held = []
    worth = [c * q for c, q in zip(world.closes, world.quantities, strict=True)]
    equity = world.cash + sum(worth)
    for i, instrument in enumerate(world.instruments):
        close, quantity, cost = world.closes[i], world.quantities[i], world.costs[i]
        if quantity:
            held.append(
                PositionStatus(
                    instrument.ticker,
                    quantity,
                    quantity // 2,
                    float(cost),
                    close,
                    worth[i],
                    worth[i] / equity,
                    worth[i] - cost * quantity,
                    (close / cost - 1) * 100,
                )
            )
    tickers = [instrument.ticker for instrument in world.instruments]
    return DecisionContext(
        Tick(number, datetime.combine(world.day, datetime.min.time()), world.day),
        PortfolioStatus(
            cash=world.cash,
            orderable_cash=world.cash // 2,
            equity=equity,
            exposure=sum(worth) / equity if equity else 0.0,
            positions=tuple(held),
        ),
        MarketAnalysis(
            features=dict(zip(tickers, world.rows, strict=True)),
            closes=dict(zip(tickers, world.closes, strict=True)),
            opportunities=tuple(tickers[:2]),
            risks=tuple(tickers[2:]),
            mood=None,
        ),
    )


def prompt(world: World, entry: str) -> PromptVersion:
    """A version whose author wrote down names and dates, as learned rules may."""
    one = world.instruments[0]
    said = f"{one.name}({one.ticker})에서 {world.day}, {world.day:%Y년 %m월}의 손실"
    made = draft(
        policy=policy(entry=(entry,)),
        rules=(rule(1, "volume_ratio >= 9", because=said),),
        text=f"{TEXT}\n{one.name} 이야기: {world.day:%Y.%m.%d}\n",
    )
    version = compose(made, 1, AT)
    return version.model_copy(update={"features": FEATURES})


def ask_blind(
    world: World, seed: int, entry: str, answers: list[Any]
) -> tuple[ScriptedAsker, Calls]:
    mask = Mask(seed, world.instruments)
    asker, calls = ScriptedAsker(answers), Calls()
    instruments = {i.ticker: i for i in world.instruments}
    decider = LLMDecider(
        prompt(world, entry), asker, RiskLimits(), instruments, mask=mask, listener=calls
    )
    for number in (0, 1):
        try:
            decider.decide(context_of(world, number))
        except DeciderError:
            continue
    return asker, calls


entries = st.sampled_from(["volume_ratio >= 2", "value_traded_krw >= 123456789"])
NUMBER = re.compile(r"\d+(?:\.\d+)?")


@unhurried
@given(worlds(), st.integers(0, 99), entries, st.integers(0, 3))
def test_nothing_that_names_the_market_reaches_a_message_a_repair_or_a_cached_key(
    world: World, seed: int, entry: str, trouble: int
) -> None:
    one = world.instruments[-1]
    guess = [
        reply(line(one.ticker)),
        f"제 생각에 {one.name} 은(는) {world.day} 기준 {one.ticker} 입니다",
        reply(line("종목A", stop_loss=1), line("종목A")),
        reply(line("종목A", justification=one.name, confidence=7)),
    ][trouble]
    asker, calls = ask_blind(world, seed, entry, [guess])
    assert len(asker.requests) == 4  # two ticks, each asked and repaired
    texts = [*asker.texts, *(call.request for call in calls.told)]
    for text in texts:
        for instrument in world.instruments:
            assert instrument.ticker not in text
            assert instrument.name not in text
            assert str(instrument.sector) not in text
        for form in ("%Y-%m-%d", "%Y%m%d", "%Y.%m.%d", "%y%m%d", "%Y년", "%Y/%m", "%Y-%m"):
            assert world.day.strftime(form) not in text.replace("2026-03", "")
    told = context_of(world)
    secret = {*world.closes, *world.costs, told.portfolio.equity, told.portfolio.cash}
    secret |= {
        round(abs(value))
        for row in world.rows
        for name in ("value_traded_krw", "days_since_listing", "program_net_buy_krw")
        if (value := row[name]) is not None
    }
    user = [m.content for r in asker.requests for m in r.messages if m.role == "user"]
    shown = {round(float(n)) for text in user for n in NUMBER.findall(text)}
    assert not {n for n in shown & secret if n > 10**6} - masked_amounts(user)


def masked_amounts(user: list[str]) -> set[int]:
    """Amounts of the account in masked won, which may equal a real price by chance."""
    found = set()
    for text in user:
        for row in text.splitlines():
            if row.startswith('{"account"'):
                account = json.loads(row)["account"]
                found |= {account["equity"], account["cash"], account["orderable_cash"]}
    return found


@unhurried
@given(
    worlds(),
    st.integers(0, 99),
    st.integers(1, 10),
    days,
    st.lists(tickers, unique=True, min_size=5, max_size=5),
    st.lists(names, unique=True, min_size=5, max_size=5),
)
def test_two_markets_that_differ_in_names_days_and_price_level_read_the_same(
    world: World, seed: int, power: int, day: date, codes: list[str], called: list[str]
) -> None:
    """The strongest form: messages are a function of what may be known, and of nothing else."""
    size = len(world.instruments)
    scale = 2**power
    old = sorted(
        range(size), key=lambda i: Mask(seed, world.instruments).rank(world.instruments[i].ticker)
    )
    fresh = [Instrument(ticker=t, name=n) for t, n in zip(codes[:size], called[:size], strict=True)]
    dealt = Mask(seed, fresh)
    fresh.sort(key=lambda instrument: dealt.rank(instrument.ticker))
    twin_instruments: list[Instrument] = list(world.instruments)
    for place, i in enumerate(old):
        twin_instruments[i] = fresh[place]
    twin = world._replace(
        instruments=tuple(twin_instruments),
        closes=tuple(c * scale for c in world.closes),
        costs=tuple(c * scale for c in world.costs),
        cash=world.cash * scale,
        day=day,
    )

    def seen(one: World) -> list[str]:
        mask = Mask(seed, one.instruments)
        asker = ScriptedAsker([reply()])
        version = compose(draft(policy=policy()), 1, AT).model_copy(update={"features": FEATURES})
        instruments = {i.ticker: i for i in one.instruments}
        decider = LLMDecider(version, asker, RiskLimits(), instruments, mask=mask)
        first = context_of(one)
        decider.decide(first)
        later = first.tick._replace(number=1, session=one.day + timedelta(days=1))
        decider.decide(first._replace(tick=later))
        return asker.texts

    here, there = seen(world), seen(twin)
    assert len(here) == len(there) == 4
    assert here == there


@unhurried
@given(worlds(), st.integers(0, 99))
def test_names_stand_in_the_order_of_their_codes_whatever_their_real_order(
    world: World, seed: int
) -> None:
    asker, _ = ask_blind(world, seed, "volume_ratio >= 2", [reply()])
    mask = Mask(seed, world.instruments)
    lines = asker.requests[0].messages[1].content.split("종목별 값:\n")[1].splitlines()
    shown = [json.loads(text)["ticker"] for text in lines if text.startswith("{")]
    assert shown == list(mask.codes)
