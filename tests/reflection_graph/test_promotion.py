import threading
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest

from kisbt.config import Settings
from kisbt.domain.trading import Side
from kisbt.errors import DeciderError, JournalError, PromptError
from kisbt.journal.database import DatabaseManager
from kisbt.llm.exchange import ChatRequest
from kisbt.reflection_graph.graph import reflect
from kisbt.reflection_graph.update_system_logic import promote, reflecting
from kisbt.rulebook.draft import Draft
from kisbt.run.promotion import answer_reflection
from kisbt.run.reflect_ports import KISBooks, ModelAsker
from tests.reflection_graph.scenes import POLICY, TEXT, Passes, bench_of, kept, store_of

ID = "RF-0000000000"


@pytest.fixture
def waiting(settings: Settings, db: DatabaseManager) -> int:
    """The number of a version that passed and waits for a person."""
    bench = bench_of(settings, db, trial=Passes(0))
    options = bench.options.model_copy(update={"require_approval": True})
    state = reflect(bench_of(settings, db, trial=Passes(0), options=options))
    number: int = state["update"]["waiting"]
    return number


def test_an_approved_version_comes_into_force_once(
    settings: Settings, db: DatabaseManager, waiting: int
) -> None:
    assert [one.reflection_id for one in kept(db).waiting()] == [ID]
    done = answer_reflection(db, settings, ID, approved=True, by="owner")
    assert done["promoted"] == waiting == store_of(settings).current_number()
    assert kept(db).waiting() == []
    with pytest.raises(JournalError, match="nothing waits"):
        answer_reflection(db, settings, ID, approved=True, by="owner")


def test_a_version_turned_down_stays_a_file(
    settings: Settings, db: DatabaseManager, waiting: int
) -> None:
    answer_reflection(db, settings, ID, approved=False, by="owner")
    store = store_of(settings)
    assert store.current_number() == 1
    assert waiting in store.numbers()
    found = kept(db).find(ID)
    assert found is not None
    assert found.report["outcome"] == "turned_down"
    assert found.report["answered_by"] == "owner"


def test_a_version_tested_against_another_champion_is_not_promoted(
    settings: Settings, db: DatabaseManager, waiting: int
) -> None:
    person = Draft(author="human", summary="사람", parent=1, policy=POLICY, text=TEXT)
    other = store_of(settings).add(person, activate=True)
    with pytest.raises(PromptError, match="was tested against version 1"):
        answer_reflection(db, settings, ID, approved=True, by="owner")
    assert store_of(settings).current_number() == other.number
    with pytest.raises(JournalError, match="no reflection"):
        answer_reflection(db, settings, "RF-x", approved=True, by="owner")


def test_two_reflections_at_once_take_turns_and_leave_whole_files(settings: Settings) -> None:
    store = store_of(settings)
    order: list[str] = []

    def work(name: str) -> None:
        own = store_of(settings)
        with reflecting(own, 30):
            order.append(f"{name} in")
            version = own.add(
                Draft(author="human", summary=name, parent=1, policy=POLICY, text=TEXT)
            )
            promote(own, version.number, name)
            order.append(f"{name} out")

    threads = [threading.Thread(target=work, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert order[0][0] == order[1][0]
    assert order[2][0] == order[3][0]
    assert store.numbers() == [1, 2, 3]
    assert store.current().number == 3
    assert store.current().text == store.core.read_text(encoding="utf-8")
    assert store.versions()


def test_a_reflection_that_waits_too_long_says_why(settings: Settings) -> None:
    with (
        reflecting(store_of(settings), 1),
        pytest.raises(PromptError, match="another reflection is at work"),
        reflecting(store_of(settings), 0.05),
    ):
        pass


class _Client:
    """What the account answers."""

    def __init__(self, fee: int | None) -> None:
        self.fee = fee
        self.asked: list[Any] = []

    def inquire_period_profit(self, first: date, last: date) -> Any:
        self.asked.append((first, last))
        totals = SimpleNamespace(realised=-500, fee=self.fee, tax=30)
        return SimpleNamespace(totals=totals)

    def inquire_daily_ccld(self, first: date, last: date, *, filled_only: bool) -> Any:
        assert filled_only
        rows = ((Side.BUY, 7), (Side.SELL, 4), (Side.BUY, 3), (None, 9))
        return [SimpleNamespace(side=side, filled=n) for side, n in rows]


@pytest.mark.parametrize(("fee", "costs"), [(12, 42), (None, None)])
def test_kis_books_are_read_over_the_period(fee: int | None, costs: int | None) -> None:
    client: Any = _Client(fee)
    found = KISBooks(client, "paper").figures("2024-01-02", "2024-02-01")
    assert client.asked == [(date(2024, 1, 2), date(2024, 2, 1))]
    assert found[:4] == (-500, costs, 10, 4)


class _Model:
    def __init__(self, reply: str | None) -> None:
        self.reply = reply
        self.asked: list[ChatRequest] = []

    def ask(self, request: ChatRequest) -> Any:
        self.asked.append(request)
        return SimpleNamespace(reply=self.reply, error="time out")


def test_the_model_is_asked_once_with_the_schema() -> None:
    model: Any = _Model("{}")
    assert ModelAsker(model).ask("system", "user", {"type": "object"}) == "{}"
    (request,) = model.asked
    assert [m.role for m in request.messages] == ["system", "user"]
    assert request.schema == {"type": "object"}
    silent: Any = _Model(None)
    with pytest.raises(DeciderError, match="time out"):
        ModelAsker(silent).ask("s", "u", {})
