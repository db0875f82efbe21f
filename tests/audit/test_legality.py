"""The auditor: a legal run passes, and each single change to one fill is caught."""

import sys
from dataclasses import replace
from datetime import date, datetime, timedelta
from time import process_time
from typing import Any

import numpy as np
import pytest

from kisbt.audit.legality import Violation
from kisbt.domain.market import Instrument
from kisbt.domain.trading import Fill

from .world import (
    BUY,
    FRI,
    LEGAL,
    MON,
    NAMES,
    SELL,
    THU,
    TUE,
    WED,
    Table,
    audit,
    rules,
    run,
    table,
)


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
