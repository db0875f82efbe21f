"""Who is in the market: fictional names, their sectors, and what will happen to them."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import numpy as np

from kisbt.domain.market import Instrument, Market, Product
from kisbt.krx.calendar import FIRST_DAY, sessions

SECTORS = {
    "반도체": ("전자", "반도체", "디스플레이", "마이크로", "소재"),
    "2차전지": ("배터리", "에너지솔루션", "양극재", "리튬", "전해액"),
    "바이오": ("바이오", "제약", "메디칼", "진단", "헬스케어"),
    "금융": ("금융지주", "증권", "화재", "캐피탈", "카드"),
    "조선·기계": ("중공업", "조선", "기계", "로보틱스", "엔진"),
    "게임·엔터": ("게임즈", "엔터", "미디어", "콘텐츠", "스튜디오"),
}
PREFIXES = ("가상", "모의", "예시", "허구", "연습", "상상", "견본", "시늉", "지어낸", "본보기")
FUNDS = (("가상 종합 ETF", 1.0), ("가상 레버리지 ETF", 2.0))

FIRST_CLOSE = 2.1
"""A newcomer's fair value at its first close, over its offering price."""

SPLIT_HALT = 3
"""Sessions without trading before a split takes effect."""


@dataclass(frozen=True, slots=True)
class Role:
    """One name and its part. Session numbers count from 0; ``shares`` are listed shares.

    ``first`` and ``last`` are its first and last session; ``listed`` is the day of its listing,
    long ago or, with an ``offer_price``, that of ``first``. ``halts`` are ``(first, sessions)``.
    ``split`` is ``(session, ratio)``; the sessions right before it are halted.
    """

    ticker: str
    name: str
    sector: str
    sector_number: int
    market: Market
    product: Product
    leverage: float
    start_price: float
    shares: int
    turnover: float
    first: int
    last: int
    listed: date | None = None
    offer_price: int | None = None
    doomed_from: int | None = None
    split: tuple[int, float] | None = None
    halts: tuple[tuple[int, int], ...] = field(default=())

    def instrument(self, days: list[date], ends: bool) -> Instrument:
        """The listed name; ``ends`` tells whether its last session is a delisting."""
        return Instrument(
            ticker=self.ticker,
            name=self.name,
            market=self.market,
            product=self.product,
            leverage=self.leverage,
            sector=self.sector,
            listed=self.listed,
            delisted=days[self.last] if ends else None,
            offer_price=self.offer_price,
        )


def cast_roles(names: int, days: list[date], rng: np.random.Generator) -> list[Role]:
    """Cast ``names`` names over the sessions ``days``.

    With six names and 250 sessions or more there are a split, a late listing, a delisting and
    two long halts; with ten, an index fund; with twenty, a leveraged fund too.
    """
    last = len(days) - 1
    funds = 0 if names < 10 else 1 if names < 20 else 2
    stocks = names - funds
    prices = np.exp(np.linspace(np.log(2_500), np.log(320_000), stocks))
    order = rng.permutation(stocks)
    caps = np.exp(rng.normal(np.log(1.5e12), 0.9, stocks))
    turnovers = np.exp(rng.normal(np.log(0.008), 0.4, stocks))
    labels = _labels(stocks)
    past = sessions(FIRST_DAY, days[0] - timedelta(days=400))
    listed = [past[int(share * len(past))] for share in rng.uniform(0.3, 1.0, names)]
    parts = _parts(stocks, prices[order], days) if stocks >= 6 and len(days) >= 250 else {}
    usual: dict[str, Any] = {"first": 0, "last": last}
    roles = []
    for n in range(stocks):
        sector, label = labels[n]
        kosdaq = n % 5 in (1, 3)
        price = float(prices[order[n]])
        part = parts.get(n, {})
        roles.append(
            Role(
                ticker=f"99{n + 1:03d}0",
                name=label,
                sector=sector,
                sector_number=list(SECTORS).index(sector),
                market=Market.KOSDAQ if kosdaq else Market.KOSPI,
                product=Product.STOCK,
                leverage=1.0,
                shares=max(1_000_000, int(caps[n] * (0.3 if kosdaq else 1.0) / price)),
                turnover=float(turnovers[n]) * (1.6 if kosdaq else 1.0),
                **(usual | {"listed": listed[n], "start_price": price} | part),
            )
        )
    for n, (label, leverage) in enumerate(FUNDS[:funds]):
        roles.append(
            Role(
                ticker=f"98{n + 1:03d}0",
                name=label,
                sector="ETF",
                sector_number=-1,
                market=Market.KOSPI,
                product=Product.ETF,
                leverage=leverage,
                start_price=30_000.0 / (n + 1),
                shares=40_000_000,
                turnover=0.06,
                first=0,
                last=last,
                listed=listed[stocks + n],
            )
        )
    return roles


def _labels(stocks: int) -> list[tuple[str, str]]:
    """Sector and label of every name, each label once."""
    labels = []
    for n in range(stocks):
        sector = list(SECTORS)[n % len(SECTORS)]
        turn = n // len(SECTORS)
        noun = SECTORS[sector][turn % len(SECTORS[sector])]
        prefix = PREFIXES[(n + turn // len(SECTORS[sector])) % len(PREFIXES)]
        label = f"{prefix}{noun}"
        if (sector, label) in labels:
            label = f"{label}{n}"
        labels.append((sector, label))
    return labels


def _parts(stocks: int, prices: np.ndarray, days: list[date]) -> dict[int, dict[str, Any]]:
    """The special parts, by number of the name: the dearest one splits, and so on."""
    last = len(days) - 1
    dearest = int(np.argmax(prices))
    others = [n for n in range(stocks) if n != dearest]
    newcomer, doomed, first_halt, second_halt = (others[i % len(others)] for i in (3, 1, 4, 0))
    offer_day = next((i for i, day in enumerate(days) if day >= date(2023, 7, 3)), 0)
    listing = max(int(last * 0.55), offer_day)
    if listing > last * 0.85:
        listing = int(last * 0.55)
    dying = int(last * 0.78)
    return {
        dearest: {"split": (int(last * 0.4), 5.0)},
        newcomer: {
            "first": listing,
            "listed": days[listing],
            "offer_price": int(round(prices[newcomer], -2)),
            "start_price": float(prices[newcomer]) * FIRST_CLOSE,
        },
        doomed: {"doomed_from": dying - 35, "last": dying},
        first_halt: {"halts": ((int(last * 0.3), 12),)},
        second_halt: {"halts": ((int(last * 0.62), 25),)},
    }
