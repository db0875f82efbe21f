"""A live day run again as a backtest: nothing differs in lock-step, and what is made to differ
is found under its own name, to the won."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import select, update

from kisbt.config import Settings, load_settings
from kisbt.domain.market import Product
from kisbt.errors import DataError, JournalError
from kisbt.journal.database import DatabaseManager
from kisbt.journal.schema import equity, fills, order_events, orders, runs, ticks
from kisbt.krx.costs import CostModel
from kisbt.run.drift import PARTS, Drift, DriftRun, days_of, latest_live
from kisbt.run.drift_duty import beyond
from kisbt.run.live_command import trade
from kisbt.run.live_order import LiveOrder
from tests.parity.conftest import CHECKOUT

DAY = date(2024, 11, 12)
"""The first day with a fill."""


class Lived:
    """A finished live run, whose journal a test may change."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.settings = settings
        self.url = f"sqlite:///{folder / 'journal.sqlite'}"
        with DatabaseManager(self.url) as db:
            self.run_id = latest_live(db)

    def drift(self, day: date = DAY) -> Drift:
        with DatabaseManager(self.url) as db:
            return DriftRun(db, self.settings, self.run_id, day).drift(day)

    def change(self, *statements: object) -> None:
        with DatabaseManager(self.url) as db, db.writing(durable=False) as connection:
            for statement in statements:
                connection.execute(statement)  # type: ignore[call-overload]

    def first_fill(self) -> tuple[int, int, int, int]:
        """Its number, shares, price and commission."""
        query = select(fills).where(fills.c.run_id == self.run_id).order_by(fills.c.number)
        with DatabaseManager(self.url) as db, db.reading() as connection:
            row = connection.execute(query).first()
        assert row is not None
        assert row.session == DAY.isoformat()
        return row.number, row.quantity, row.price, row.commission

    def pay(self, won: int) -> None:
        """Take won off the account from the day on."""
        line = equity.c.run_id == self.run_id, equity.c.at >= DAY.isoformat()
        less = {"cash": equity.c.cash - won, "equity": equity.c.equity - won}
        self.change(update(equity).where(*line).values(less))

    def set_fill(self, number: int, **values: int) -> None:
        mine = fills.c.run_id == self.run_id, fills.c.number == number
        self.change(update(fills).where(*mine).values(values))


@pytest.fixture(scope="module")
def traded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project in which three days of the sample were traded in lock-step."""
    folder, before = tmp_path_factory.mktemp("drift"), Path.cwd()
    for name in ("datasets", "prompts", "strategies"):
        shutil.copytree(CHECKOUT / name, folder / name)
    (folder / "kisbt.toml").write_text("", encoding="utf-8")
    os.chdir(folder)
    try:
        order = LiveOrder(venue="sim", days=4, first="2024-11-11")
        trade(order, load_settings(), confirm=lambda _: "", quiet=True, page=False)
        yield folder
    finally:
        os.chdir(before)


@pytest.fixture
def lived(traded: Path, tmp_path: Path) -> Lived:
    shutil.copy(traded / "results" / "journal.sqlite", tmp_path / "journal.sqlite")
    return Lived(tmp_path, load_settings())


def only(found: Drift, part: str, won: int) -> None:
    """All of the difference is in one part, and the parts sum to the whole."""
    assert {name: getattr(found, name) for name in PARTS if getattr(found, name)} == {part: won}
    assert found.total == won


def test_lockstep_days_have_no_drift_at_all(lived: Lived) -> None:
    with DatabaseManager(lived.url) as db:
        days = days_of(db, lived.run_id)
    assert len(days) == 4
    for day in days:
        found = lived.drift(day)
        assert found.total == 0
        assert [getattr(found, part) for part in PARTS] == [0] * len(PARTS)
        assert found.live > 0


def test_worse_price_of_a_fill_is_fill(lived: Lived) -> None:
    number, shares, price, commission = lived.first_fill()
    worse = price + 100
    costs = CostModel.from_settings(lived.settings.costs)
    dearer = costs.commission(worse * shares, Product.STOCK)
    lived.set_fill(number, price=worse, commission=dearer)
    lived.pay(100 * shares + dearer - commission)
    only(lived.drift(), "fill", -100 * shares - (dearer - commission))


def test_other_commission_is_cost(lived: Lived) -> None:
    number, _, _, commission = lived.first_fill()
    lived.set_fill(number, commission=commission + 5_000)
    lived.pay(5_000)
    only(lived.drift(), "cost", -5_000)


def test_cash_that_nothing_accounts_for_is_unexplained(lived: Lived) -> None:
    lived.pay(777)
    only(lived.drift(), "unexplained", -777)


def test_positions_at_another_close_are_data(lived: Lived) -> None:
    line = equity.c.run_id == lived.run_id, equity.c.at >= DAY.isoformat()
    lived.change(update(equity).where(*line).values(equity=equity.c.equity + 1_234))
    only(lived.drift(), "data", 1_234)


def undo_fill(lived: Lived) -> int:
    """The first order never traded; what that was worth at the close."""
    number, shares, price, commission = lived.first_fill()
    found = lived.drift()
    with DatabaseManager(lived.url) as db, db.reading() as connection:
        ref, ticker = connection.execute(
            select(fills.c.ref, fills.c.ticker).where(fills.c.number == number)
        ).one()
        snapshot = DriftRun(db, lived.settings, lived.run_id, DAY).ready.tape
    close = int(snapshot.closes[len(snapshot) - 1, snapshot.columns[ticker]])
    lived.change(
        fills.delete().where(fills.c.run_id == lived.run_id, fills.c.number == number),
        update(orders).where(orders.c.ref == ref).values(filled=0, state="expired"),
    )
    paid, worth = price * shares + commission, close * shares
    line = equity.c.run_id == lived.run_id, equity.c.at >= DAY.isoformat()
    changed = {"cash": equity.c.cash + paid, "equity": equity.c.equity + paid - worth}
    lived.change(update(equity).where(*line).values(changed))
    assert found.total == 0
    return paid - worth


def test_order_that_the_venue_did_not_fill_is_fill(lived: Lived) -> None:
    won = undo_fill(lived)
    only(lived.drift(), "fill", won)


def test_order_that_never_left_is_timing(lived: Lived) -> None:
    number, *_ = lived.first_fill()
    with DatabaseManager(lived.url) as db, db.reading() as connection:
        ref = connection.execute(select(fills.c.ref).where(fills.c.number == number)).scalar_one()
    won = undo_fill(lived)
    lived.change(
        order_events.delete().where(order_events.c.ref == ref, order_events.c.state == "sent")
    )
    only(lived.drift(), "timing", won)


def test_order_that_the_strategy_would_not_have_sent_is_decision(lived: Lived) -> None:
    number, *_ = lived.first_fill()
    with DatabaseManager(lived.url) as db, db.reading() as connection:
        ref = connection.execute(select(fills.c.ref).where(fills.c.number == number)).scalar_one()
    won = undo_fill(lived)
    lived.change(
        order_events.delete().where(order_events.c.ref == ref),
        orders.delete().where(orders.c.ref == ref),
    )
    only(lived.drift(), "decision", won)


def test_other_features_than_the_data_has_are_data_and_what_was_made_of_them_decision(
    lived: Lived,
) -> None:
    with DatabaseManager(lived.url) as db, db.reading() as connection:
        query = select(ticks.c.tick, ticks.c.snapshot).where(ticks.c.run_id == lived.run_id)
        (first, _), (_, second), *_ = connection.execute(query.order_by(ticks.c.tick))
    mine = ticks.c.run_id == lived.run_id, ticks.c.tick == first
    lived.change(update(ticks).where(*mine).values(snapshot=second))
    found = lived.drift()
    assert found.data != 0
    assert found.decision == -found.data  # live did what the data's features ask for
    assert found.total == found.fill == found.timing == found.cost == found.unexplained == 0


def test_five_day_sum_beyond_the_budget_names_the_largest_cause(lived: Lived) -> None:
    lived.pay(300_000)
    found = lived.drift()
    said = beyond([found], lived.settings.live.drift_budget_bp)
    assert "-30.0bp" in said
    assert "설명 안 됨 -300,000원" in said
    assert beyond([found], 31.0) == ""


def test_day_that_was_not_traded_and_run_without_data_are_one_line(lived: Lived) -> None:
    with pytest.raises(JournalError, match="did not trade on 2024-11-09"):
        lived.drift(date(2024, 11, 9))
    lived.change(update(runs).values(dataset_name="kis"))
    with pytest.raises(DataError, match="without a dataset"):
        lived.drift()


def test_page_of_each_day_tells_its_drift(traded: Path) -> None:
    pages = sorted(traded.glob("results/*/days/*.html"))
    assert len(pages) == 4
    assert all("드리프트" in page.read_text(encoding="utf-8") for page in pages)


def test_command_prints_the_parts_and_fails_beyond_the_budget(
    lived: Lived, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = _command(monkeypatch, lived.url)
    assert run("drift", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert [day["total"] for day in told["days"]] == [0, 0, 0, 0]
    lived.pay(300_000)
    assert run("drift", "--day", DAY.isoformat()) == 1
    assert "드리프트 1일 합계 -30.0bp" in capsys.readouterr().out


def _command(monkeypatch: pytest.MonkeyPatch, url: str) -> Callable[..., int]:
    from kisbt.cli import main

    monkeypatch.setenv("KISBT_JOURNAL", url)

    def run(*args: str) -> int:
        monkeypatch.setattr("sys.argv", ["kisbt", *args])
        try:
            main()
        except SystemExit as stop:
            return int(stop.code or 0)
        return 0

    return run
