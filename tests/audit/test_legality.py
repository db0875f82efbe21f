"""The auditor: a legal run passes, and each single change to one fill is caught."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from time import process_time
from typing import Any

import numpy as np
import pytest

from kisbt.audit.legality import Violation, audit_fills
from kisbt.domain.market import Instrument, Product
from kisbt.domain.trading import Fill, PositionChange, Side

BUY, SELL = Side.BUY, Side.SELL
RATES = (0.001, 0.002, True)
CASH = 10_000_000


@dataclass(frozen=True)
class Table:
    """Bars as the data package keeps them."""

    times: Any
    open: Any
    high: Any
    low: Any
    close: Any
    volume: Any
    base: Any


def table(first: str, *rows: tuple[int, int, int, int, int, int]) -> Table:
    """Daily bars on following days from ``first``: open, high, low, close, volume, base."""
    columns = np.array(rows, dtype=np.int64).T
    days = np.datetime64(first) + np.arange(len(rows))
    return Table(days.astype("datetime64[s]") + np.timedelta64(15 * 3600 + 1800, "s"), *columns)


# Monday 10 June to Friday 14 June 2024.
SHARE = table(
    "2024-06-10",
    (10_000, 10_200, 9_900, 10_100, 1_000, 10_000),
    (10_150, 10_400, 10_000, 10_300, 1_000, 0),
    (13_390, 13_390, 13_390, 13_390, 1_000, 0),  # locked: 10,300 + 3,090
    (13_390, 13_390, 13_390, 13_390, 0, 0),  # halted
    (9_370, 9_370, 9_370, 9_370, 1_000, 0),  # locked: 13,390 - 4,010 = 9,380 is out of reach
)
FUND = table(
    "2024-06-10",
    (2_005, 2_010, 2_000, 2_005, 5_000, 0),
    (2_010, 2_020, 2_005, 2_015, 5_000, 0),
)
NAMES = {
    "000010": Instrument(ticker="000010", listed=date(2020, 1, 2), delisted=date(2024, 6, 20)),
    "000020": Instrument(ticker="000020", product=Product.ETF, leverage=2.0),
}
BARS = {"000010": SHARE, "000020": FUND}
MON, TUE, WED, THU, FRI = (datetime(2024, 6, day, 15, 30) for day in range(10, 15))

Line = tuple[datetime, str, Side, int, int]


def run(*lines: Line, cash: int = CASH, number: int = 1) -> list[Fill]:
    """Book fills with correct costs: time, ticker, side, quantity, price."""
    fills: list[Fill] = []
    held: dict[str, int] = {}
    for at, ticker, side, quantity, price in lines:
        amount, fund = price * quantity, ticker == "000020"
        commission = amount * 2 // 1_000 if fund else amount // 1_000
        tax = amount * 18 // 10_000 if side is SELL and not fund else 0
        sign = 1 if side is BUY else -1
        cash += -sign * amount - commission - tax
        held[ticker] = held.get(ticker, 0) + sign * quantity
        costs = (commission, tax, cash, held[ticker])
        ref = f"O{len(fills) + 1:06d}"
        fills.append(
            Fill(ref, number + len(fills), at, at.date(), ticker, side, quantity, price, *costs)
        )
    return fills


LEGAL = run(
    (MON, "000010", BUY, 60, 10_000),
    (MON, "000010", BUY, 40, 10_200),
    (MON, "000020", BUY, 500, 2_005),
    (TUE, "000010", SELL, 50, 10_150),
    (TUE, "000020", SELL, 200, 2_015),
    (WED, "000010", SELL, 50, 13_390),
)


def audit(
    fills: Sequence[Fill],
    bars: dict[str, Table] | None = None,
    names: dict[str, Instrument] | None = None,
    **terms: Any,
) -> list[Violation]:
    known = {"start_cash": CASH, "participation": 0.1, "rates": RATES} | terms
    return audit_fills(fills, BARS if bars is None else bars, names or NAMES, **known)


def rules(violations: Sequence[Violation]) -> list[str]:
    return [violation.rule for violation in violations]


def test_legal_run_passes() -> None:
    assert audit(LEGAL) == []
    assert audit([]) == []


MUTATIONS = [
    (0, {"ref": ""}, "sequence"),
    (2, {"number": 2}, "sequence"),
    (2, {"number": 9}, "sequence"),
    (5, {"number": 5}, "sequence"),
    (0, {"at": MON - timedelta(minutes=1)}, "bar"),
    (0, {"at": MON + timedelta(minutes=1)}, "session"),
    (0, {"at": MON.replace(hour=8)}, "session"),
    (0, {"at": TUE}, "session"),
    (3, {"at": MON}, "session"),
    (0, {"session": date(2024, 6, 11)}, "session"),
    (0, {"session": date(2024, 6, 9)}, "session"),
    (0, {"ticker": "000020"}, "range"),
    (0, {"ticker": "999999"}, "ticker"),
    (0, {"side": SELL}, "cash"),
    (0, {"side": SELL}, "position"),
    (3, {"side": BUY}, "cash"),
    (0, {"quantity": 0}, "whole"),
    (0, {"quantity": -60}, "whole"),
    (0, {"quantity": 60.0}, "whole"),
    (0, {"quantity": 59}, "cash"),
    (0, {"quantity": 61}, "participation"),
    (0, {"price": 10_001}, "tick"),
    (0, {"price": 10_010}, "cash"),
    (0, {"price": 9_890}, "range"),
    (0, {"price": 10_210}, "range"),
    (0, {"price": 0}, "tick"),
    (0, {"price": -10_000}, "tick"),
    (0, {"price": 10_000.0}, "whole"),
    (0, {"commission": 598}, "commission"),
    (0, {"commission": 602}, "commission"),
    (0, {"commission": -600}, "commission"),
    (0, {"commission": 601}, "cash"),
    (0, {"tax": 1}, "tax"),
    (3, {"tax": 0}, "tax"),
    (3, {"tax": 915}, "tax"),
    (3, {"tax": -913}, "tax"),
    (3, {"tax": 912}, "cash"),
    (4, {"tax": 1}, "tax"),
    *((n, {"cash_after": LEGAL[n].cash_after + off}, "cash") for n in range(6) for off in (-1, 1)),
    *(
        (n, {"position_after": LEGAL[n].position_after + off}, "position")
        for n in range(6)
        for off in (-1, 1)
    ),
]


@pytest.mark.parametrize(("at", "change", "rule"), MUTATIONS)
def test_one_changed_field_is_caught(at: int, change: dict[str, Any], rule: str) -> None:
    fills = list(LEGAL)
    fills[at] = fills[at]._replace(**change)
    found = audit(fills)
    assert rule in rules(found)
    assert all(violation.detail for violation in found)
    if "number" not in change:
        assert fills[at].number in [violation.fill_number for violation in found]


def test_every_field_of_a_fill_is_tried() -> None:
    assert {field for _, change, _ in MUTATIONS for field in change} == set(Fill._fields)


def test_wrong_cash_is_said_once_and_not_for_every_later_fill() -> None:
    fills = [fill._replace(cash_after=fill.cash_after + 5) for fill in LEGAL]
    assert audit(fills) == [
        Violation(1, "cash", f"{LEGAL[0].cash_after + 5} won after the fill, "
                  f"not {LEGAL[0].cash_after}")
    ]  # fmt: skip


def test_fill_missing_from_the_middle_is_caught() -> None:
    found = audit([*LEGAL[:1], *LEGAL[2:]])
    assert rules(found) == ["sequence", "cash", "position", "position"]
    assert found[-1] == Violation(6, "position", "000010 is short by 40 shares")


def test_buy_on_a_bar_locked_at_the_upper_limit_is_caught() -> None:
    assert rules(audit(run((WED, "000010", BUY, 10, 13_390)))) == ["locked"]


def test_price_below_the_lower_limit_is_caught_with_its_limits() -> None:
    lines = ((MON, "000010", BUY, 10, 10_000), (FRI, "000010", SELL, 10, 9_370))
    found = audit(run(*lines))
    assert rules(found) == ["limits", "locked"]
    assert found[0] == Violation(2, "limits", "9370 won is outside 9380..17400")


def test_sale_on_a_bar_locked_at_the_lower_limit_is_caught() -> None:
    low = table("2024-06-10", (7_000, 7_000, 7_000, 7_000, 1_000, 10_000))
    fills = run((MON, "000010", SELL, 10, 7_000))
    assert rules(audit(fills, {"000010": low})) == [
        "locked",
        "position",
    ]
    buys = run((MON, "000010", BUY, 10, 7_000))
    assert audit(buys, {"000010": low}) == []


def test_lock_that_opened_is_legal_for_both_sides() -> None:
    up = table("2024-06-10", (13_000, 13_000, 12_990, 13_000, 1_000, 10_000))
    assert audit(run((MON, "000010", BUY, 10, 13_000)), {"000010": up}) == []


def test_fill_on_a_halted_bar_is_caught() -> None:
    found = rules(audit(run((THU, "000010", BUY, 10, 13_390))))
    assert found == ["halted", "participation"]


def test_unknown_base_accuses_nobody() -> None:
    wild = table("2024-06-10", (50_000, 90_000, 100, 50_000, 1_000, 0))
    assert audit(run((MON, "000010", BUY, 1, 90_000)), {"000010": wild}) == []


def test_volume_cap_counts_all_fills_of_a_bar() -> None:
    lines = [(MON, "000010", BUY, 50, 10_000), (MON, "000010", SELL, 50, 10_000)]
    assert audit(run(*lines)) == []
    found = audit(run(*lines, (MON, "000010", BUY, 1, 10_000)))
    assert found == [Violation(3, "participation", "101 of 1000 shares taken, 100 allowed")]


def test_cap_takes_the_rate_as_a_decimal() -> None:
    thin = table("2024-06-10", (10_000, 10_000, 10_000, 10_000, 100, 10_000))
    fills = run((MON, "000010", BUY, 29, 10_000))
    assert audit(fills, {"000010": thin}, participation=0.29) == []
    assert rules(audit(fills, {"000010": thin}, participation=0.28)) == ["participation"]


def test_overdrawn_cash_is_caught() -> None:
    fills = run((MON, "000010", BUY, 100, 10_000), cash=1_000_000)
    assert rules(audit(fills, start_cash=1_000_000)) == ["cash"]
    fills = run((MON, "000010", BUY, 100, 10_000), cash=1_001_000)
    assert audit(fills, start_cash=1_001_000) == []


def test_short_sale_is_caught() -> None:
    found = audit(run((MON, "000010", SELL, 3, 10_000)))
    assert found == [Violation(1, "position", "000010 is short by 3 shares")]


@pytest.mark.parametrize(
    ("day", "legal"),
    [(date(2024, 6, 13), False), (date(2024, 6, 12), True), (None, True)],
)
def test_fill_before_listing_is_caught(day: date | None, legal: bool) -> None:
    names = {"000010": NAMES["000010"].model_copy(update={"listed": day})}
    fills = run((WED, "000010", BUY, 1, 13_390), (WED, "000010", SELL, 1, 13_390))
    assert ("listing" not in rules(audit(fills, names=names))) == legal


def test_fill_after_delisting_is_caught() -> None:
    for day, legal in ((date(2024, 6, 10), True), (date(2024, 6, 9), False)):
        names = {"000010": NAMES["000010"].model_copy(update={"delisted": day})}
        fills = run((MON, "000010", BUY, 1, 10_000))
        assert ("listing" not in rules(audit(fills, names=names))) == legal


@pytest.mark.parametrize(
    ("day", "hour", "legal"),
    [
        ("2024-06-06", "15:30:00", False),  # Memorial Day
        ("2026-06-03", "15:30:00", False),  # local elections
        ("2026-07-17", "15:30:00", False),
        ("2024-01-02", "10:00:00", True),
        ("2024-01-02", "09:59:59", False),
        ("2025-11-13", "16:30:00", True),
        ("2025-11-13", "09:30:00", False),
        ("2016-07-29", "15:00:00", True),
        ("2016-07-29", "15:30:00", False),
        ("2016-08-01", "15:30:00", True),
        ("2016-08-01", "15:30:01", False),
    ],
)
def test_session_and_hours_are_known(day: str, hour: str, legal: bool) -> None:
    at = datetime.fromisoformat(f"{day}T{hour}")
    row = (10_000, 10_000, 10_000, 10_000, 1_000, 10_000)
    bars = {"000010": replace(table(day, row), times=np.array([at], dtype="datetime64[s]"))}
    names = {"000010": Instrument(ticker="000010")}
    assert rules(audit(run((at, "000010", BUY, 1, 10_000)), bars, names)) == (
        [] if legal else ["session"]
    )


@pytest.mark.parametrize(
    ("session", "listed", "offer", "base", "price", "legal"),
    [
        ("2024-06-10", "2024-06-10", 5_300, 0, 21_200, True),
        ("2024-06-10", "2024-06-10", 5_300, 0, 21_250, False),
        ("2024-06-10", "2024-06-10", 5_300, 0, 3_180, True),
        ("2024-06-10", "2024-06-10", 5_300, 0, 3_175, False),
        ("2024-06-10", "2024-06-10", 9_900, 5_300, 21_250, False),
        ("2024-06-10", "2024-06-07", 5_300, 5_300, 6_900, False),
        ("2024-06-10", "2024-06-10", None, 0, 99_900, True),
        # Before 2023-06-26 the opening price is the base: here 3,170, so 2,220 to 4,120.
        ("2023-06-23", "2023-06-23", 2_000, 0, 4_120, True),
        ("2023-06-23", "2023-06-23", 2_000, 0, 4_125, False),
    ],
)
def test_first_day_has_its_own_limits(
    session: str, listed: str, offer: int | None, base: int, price: int, legal: bool
) -> None:
    bars = {"000010": table(session, (3_170, 99_900, 3_170, 5_000, 1_000, base))}
    names = {
        "000010": Instrument(ticker="000010", listed=date.fromisoformat(listed), offer_price=offer)
    }
    at = datetime.fromisoformat(f"{session}T15:30")
    assert rules(audit(run((at, "000010", BUY, 1, price)), bars, names)) == (
        [] if legal else ["limits"]
    )


def test_minutes_use_the_previous_sessions_close_as_base() -> None:
    times = ["2024-06-10T15:30", "2024-06-11T09:01", "2024-06-11T09:02"]
    day = Table(
        np.array(times, dtype="datetime64[s]"),
        *np.array([[10_000, 12_900, 12_900], [10_000, 13_010, 13_010], [9_000, 12_900, 12_900],
                   [10_000, 12_950, 13_000], [1_000] * 3, [0] * 3]),
    )  # fmt: skip
    at = datetime(2024, 6, 11, 9, 2)
    assert audit(run((at, "000010", BUY, 1, 13_000)), {"000010": day}) == []
    assert rules(audit(run((at, "000010", BUY, 1, 13_010)), {"000010": day})) == ["limits"]


def test_tax_off_means_none_is_due() -> None:
    fills = run((MON, "000010", BUY, 10, 10_000), (TUE, "000010", SELL, 10, 10_150))
    assert rules(audit(fills, rates=(0.001, 0.002, False))) == ["tax"]


SPLIT = PositionChange(date(2024, 6, 11), "000010", "split", 5.0, 10, 50, 0)


def test_split_multiplies_the_position() -> None:
    bought = run((MON, "000010", BUY, 10, 10_000))
    sold = bought[0]._replace(
        ref="O2", number=2, at=TUE, session=TUE.date(), side=SELL, quantity=50, price=10_150,
        commission=507, tax=913, cash_after=bought[0].cash_after + 507_500 - 507 - 913,
        position_after=0,
    )  # fmt: skip
    assert audit([*bought, sold], changes=[SPLIT]) == []
    assert "position" in rules(audit([*bought, sold]))
    assert audit(bought, changes=[SPLIT]) == []


@pytest.mark.parametrize(
    "change",
    [
        {"quantity_after": 51},
        {"quantity_before": 9},
        {"ratio": 4.0},
        {"cash": 2},
        {"cash": -1},
        {"ticker": "000020"},
        {"ticker": "999999"},
    ],
)
def test_change_that_does_not_add_up_is_caught(change: dict[str, Any]) -> None:
    bought = run((MON, "000010", BUY, 10, 10_000))
    found = audit(bought, changes=[SPLIT._replace(**change)])
    assert found
    assert {violation.fill_number for violation in found} == {0}


def test_fraction_of_a_split_share_is_paid_at_the_last_close() -> None:
    bought = run((MON, "000010", BUY, 13, 10_000))
    # 13 shares become 1.3; the 0.3 of a new share are worth 3 old ones of 10,100.
    change = PositionChange(date(2024, 6, 11), "000010", "split", 0.1, 13, 1, 30_300)
    assert audit(bought, changes=[change]) == []
    assert rules(audit(bought, changes=[change._replace(cash=30_302)])) == ["change"]


def test_delisting_pays_the_last_close_after_the_last_day() -> None:
    bought = run((MON, "000010", BUY, 10, 10_000))
    change = PositionChange(date(2024, 6, 21), "000010", "delisting", 1.0, 10, 0, 93_700)
    assert audit(bought, changes=[change]) == []
    assert rules(audit(bought, changes=[change._replace(cash=93_000)])) == ["change"]
    early = change._replace(session=date(2024, 6, 20))
    assert rules(audit(bought, changes=[early])) == ["change"]


def test_change_pays_into_cash() -> None:
    bought = run((MON, "000010", BUY, 10, 10_000))
    change = PositionChange(date(2024, 6, 21), "000010", "delisting", 1.0, 10, 0, 93_700)
    later = Fill("O2", 2, MON, MON.date(), "000020", BUY, 1, 2_005, 4, 0, 0, 1)
    later = later._replace(at=datetime(2024, 6, 21, 15, 30), session=date(2024, 6, 21))
    later = later._replace(cash_after=bought[0].cash_after + 93_700 - 2_009)
    assert rules(audit([*bought, later], changes=[change])) == ["bar"]


@pytest.mark.skipif(sys.gettrace() is not None, reason="a tracer slows what is measured")
def test_ten_thousand_fills_are_audited_in_under_a_second() -> None:
    audit(LEGAL)
    lines = [
        (MON, "000020", BUY if n % 2 == 0 else SELL, 1, 2_000 + 5 * (n % 3)) for n in range(10_000)
    ]
    fills = run(*lines)
    started = process_time()
    found = audit(fills, participation=1.0)
    spent = process_time() - started
    assert set(rules(found)) == {"participation"}
    assert spent < 1.0, f"{spent:.2f} s"
