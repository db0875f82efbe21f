"""Make a whole synthetic market: daily bars, an index, and minutes of a part of it."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from kisbt.data.dataset import BarTable, Dataset, Floats, IndexSeries, Times
from kisbt.data.manifest import CorporateAction
from kisbt.data.synth.cast import Role, cast_roles
from kisbt.data.synth.minutes import minute_table
from kisbt.data.synth.tape import write_tape
from kisbt.data.synth.weather import make_weather
from kisbt.domain.market import Product
from kisbt.errors import ConfigError
from kisbt.krx.calendar import session_closes, sessions

INDEX_NAME = "가상종합지수"
INDEX_START = 1000.0
MOST_NAMES = 900
EARLIEST = date(2011, 1, 1)


@dataclass(frozen=True, slots=True)
class SynthSpec:
    """What to make. The same spec gives the same bytes."""

    names: int = 20
    years: int = 3
    start: date = date(2022, 1, 1)
    seed: int = 1

    def command(self, name: str) -> str:
        """The command line that makes this market."""
        return (
            f"kisbt data synth --name {name} --names {self.names} --years {self.years}"
            f" --start {self.start} --seed {self.seed}"
        )


def make_market(name: str, spec: SynthSpec) -> Dataset:
    """Make the daily dataset ``name``.

    Raises:
        ConfigError: an impossible number of names or years, or a start before 2011.
        DataError: the period leaves the exchange calendar.
    """
    if not 1 <= spec.names <= MOST_NAMES:
        raise ConfigError(f"--names must be 1 to {MOST_NAMES}, not {spec.names}")
    if not 1 <= spec.years <= 20:
        raise ConfigError(f"--years must be 1 to 20, not {spec.years}")
    if spec.start < EARLIEST:
        raise ConfigError(f"--start must be {EARLIEST} or later: older ticks are not known")
    end = date(spec.start.year + spec.years, spec.start.month, min(spec.start.day, 28))
    days = sessions(spec.start, end - timedelta(days=1))
    closes = session_closes(days)
    # One stream a purpose, so that a change to one leaves the draws of the others alone.
    casting, wishing, trading = (np.random.default_rng([spec.seed, k]) for k in range(3))
    roles = cast_roles(spec.names, days, casting)
    wishes = make_weather(roles, len(days), wishing)
    bars = {
        role.ticker: write_tape(role, n, days, closes, wishes, stream)
        for (n, role), stream in zip(enumerate(roles), trading.spawn(len(roles)), strict=True)
    }
    actions = [
        CorporateAction(ticker=role.ticker, date=days[role.split[0]], ratio=role.split[1])
        for role in roles
        if role.split is not None
    ]
    return Dataset.build(
        name,
        bars,
        [role.instrument(days, role.last < len(days) - 1) for role in roles],
        index=cap_weighted(bars, roles, closes),
        actions=actions,
        synthetic=True,
        source=f"synthetic (가상 데이터): {spec.command(name)}",
    )


def make_minutes(name: str, market: Dataset, names: int, days: int, seed: int) -> Dataset:
    """One-minute bars of the last ``days`` sessions of the ``names`` busiest shares of ``market``.

    Put together, the minutes of a session are that session's daily bar. The index is the daily
    one of those sessions.

    Raises:
        ConfigError: ``names`` or ``days`` is below 1.
    """
    if names < 1 or days < 1:
        raise ConfigError("--minutes-names and --minutes-days must be 1 or more")
    end = market.timeline[-1]
    busy = sorted(
        (
            ticker
            for ticker, table in market.bars.items()
            if market.instruments[ticker].product is Product.STOCK
            and len(table) >= days
            and table.times[-1] == end
        ),
        key=lambda ticker: (-_money(market.bars[ticker], days), ticker),
    )[:names]
    streams = np.random.default_rng([seed, 3]).spawn(len(busy))
    bars = {}
    for ticker, stream in zip(sorted(busy), streams, strict=True):
        table = market.bars[ticker]
        tail = table.cut(len(table) - days, len(table))
        bars[ticker] = minute_table(tail, market.instruments[ticker], stream)
    index = market.index
    if index is not None:
        index = IndexSeries(index.name, index.times[-days:], index.values[-days:])
    return Dataset.build(
        name,
        bars,
        [market.instruments[ticker] for ticker in bars],
        index=index,
        frequency="1m",
        synthetic=True,
        source=f"{market.manifest.source} --minutes-names {names} --minutes-days {days}",
    )


def cap_weighted(bars: dict[str, BarTable], roles: list[Role], closes: Times) -> IndexSeries:
    """Chain-linked index of all shares, weighted by listed value; starts at 1,000 points.

    A name enters after its first close and leaves after its last, without moving the index.
    """
    total_now = np.zeros(len(closes))
    total_before = np.zeros(len(closes))
    for role in roles:
        if role.product is not Product.STOCK:
            continue
        shares = np.full(len(closes), float(role.shares))
        if role.split is not None:
            shares[role.split[0] :] *= role.split[1]
        span = slice(role.first, role.last + 1)
        value = bars[role.ticker].close * shares[span]
        total_now[span.start + 1 : span.stop] += value[1:]
        total_before[span.start + 1 : span.stop] += value[:-1]
    steps = np.ones(len(closes))
    known = total_before > 0
    steps[known] = total_now[known] / total_before[known]
    values: Floats = np.round(INDEX_START * np.cumprod(steps), 2)
    return IndexSeries(INDEX_NAME, closes, values)


def _money(table: BarTable, days: int) -> int:
    return int((table.close[-days:] * table.volume[-days:]).sum())
