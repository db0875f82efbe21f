"""The cache: what is recorded stays, one key is asked once, and damage is one clear line."""

import multiprocessing
import sqlite3
import threading
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kisbt.errors import ConfigError
from kisbt.llm.cache import ReplyCache, Stored
from kisbt.llm.stops import CacheTrouble

WORDS = Stored(
    "m", '{"decisions": []}', "", "", 10, 5, 0, 0.1, 140.0, 9.5, 1, "2026-03-02T15:31:00"
)
NO_WORDS = WORDS._replace(reply=None, error="timeout", raw="<html>")


def test_what_is_recorded_is_there_after_opening_again(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "cache.sqlite"
    with closing(ReplyCache(path)) as cache:
        cache.put("a", WORDS)
        cache.put("b", NO_WORDS)
    with closing(ReplyCache(path)) as cache:
        assert (cache.get("a"), cache.get("b"), cache.get("c")) == (WORDS, NO_WORDS, None)
        assert len(cache) == 2


def test_a_reply_replaces_a_failure_and_never_the_other_way(tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite"
    with closing(ReplyCache(path)) as cache:
        for stored in (NO_WORDS, WORDS, NO_WORDS):
            cache.put("a", stored)
        assert cache.get("a") == WORDS
    with closing(ReplyCache(path)) as cache:
        assert cache.get("a") == WORDS


def test_what_another_process_recorded_meanwhile_is_found(tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite"
    with closing(ReplyCache(path)) as mine, closing(ReplyCache(path)) as other:
        other.put("a", WORDS)
        assert mine.get("a") == WORDS


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(reply=st.text(), error=st.text(), usd=st.floats(0, 1e6))
def test_any_words_come_back_as_they_went(
    tmp_path_factory: pytest.TempPathFactory, reply: str, error: str, usd: float
) -> None:
    path = tmp_path_factory.mktemp("cache") / "cache.sqlite"
    stored = WORDS._replace(reply=reply, error=error, cost_usd=usd)
    with closing(ReplyCache(path)) as cache:
        cache.put("a", stored)
    with closing(ReplyCache(path)) as cache:
        assert cache.get("a") == stored


def test_threads_that_want_one_key_ask_once(tmp_path: Path) -> None:
    asked: list[int] = []
    found: list[Stored | None] = []
    with closing(ReplyCache(tmp_path / "cache.sqlite")) as cache:

        def want(number: int) -> None:
            with cache.flight("a") as known:
                if known is None:
                    asked.append(number)
                    time.sleep(0.05)
                    cache.put("a", WORDS)
                    known = WORDS
            found.append(known)

        threads = [threading.Thread(target=want, args=(number,)) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(asked) == 1
    assert found == [WORDS] * 16


def test_who_gives_up_leaves_the_key_to_the_next(tmp_path: Path) -> None:
    with closing(ReplyCache(tmp_path / "cache.sqlite")) as cache:
        cache.put("a", NO_WORDS)
        entered, waiting = threading.Event(), threading.Event()

        def give_up() -> None:
            with suppress(KeyError), cache.flight("a"):
                entered.set()
                waiting.wait(5)
                raise KeyError

        first = threading.Thread(target=give_up)
        first.start()
        entered.wait(5)
        threading.Timer(0.1, waiting.set).start()
        with cache.flight("a") as known:
            assert known is None
        first.join()


def _record(path: Path, started: Any, asked: Any) -> None:
    with closing(ReplyCache(path)) as cache:
        started.wait()
        for key in map(str, range(20)):
            with cache.flight(key) as known:
                if known is None:
                    asked.put(key)
                    time.sleep(0.005)
                    cache.put(key, WORDS)


def test_processes_that_want_the_same_keys_ask_each_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    started, asked = context.Barrier(3), context.Queue()
    jobs = [
        context.Process(target=_record, args=(tmp_path / "cache.sqlite", started, asked))
        for _ in range(3)
    ]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join(60)
        assert job.exitcode == 0
    keys = sorted(asked.get(timeout=1) for _ in range(20))
    assert keys == sorted(map(str, range(20)))
    assert asked.empty()


def _hold_and_die(path: Path, held: Any) -> None:
    import os

    cache = ReplyCache(path)
    flight = cache.flight("a")
    flight.__enter__()
    held.set()
    time.sleep(0.2)
    os._exit(1)


def test_a_process_that_died_while_asking_holds_nobody_up(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    held = context.Event()
    job = context.Process(target=_hold_and_die, args=(tmp_path / "cache.sqlite", held))
    job.start()
    assert held.wait(30)
    began = time.monotonic()
    with closing(ReplyCache(tmp_path / "cache.sqlite")) as cache, cache.flight("a") as known:
        assert known is None
    assert time.monotonic() - began < 20
    job.join()


def test_a_lease_of_a_machine_that_cannot_be_seen_ends_by_itself(tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite"
    now = [1000.0]

    def sleep(seconds: float) -> None:
        now[0] += 10

    with closing(ReplyCache(path, lease_seconds=60, clock=lambda: now[0], sleep=sleep)) as cache:
        with closing(sqlite3.connect(path)) as raw:
            raw.execute("INSERT INTO leases VALUES ('a', 'elsewhere|1:1', 1060)")
            raw.commit()
        with cache.flight("a") as known:
            assert known is None
    assert now[0] == 1070


def test_another_process_failure_is_shared_by_who_waited_for_it(tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite"
    with closing(ReplyCache(path)) as other:
        with closing(sqlite3.connect(path)) as raw:
            raw.execute("INSERT INTO leases VALUES ('a', 'elsewhere|1:1', 1e12)")
            raw.commit()
        with (
            closing(ReplyCache(path, sleep=lambda _: other.put("a", NO_WORDS))) as mine,
            mine.flight("a") as known,
        ):
            assert known == NO_WORDS


def _changed_reply(path: Path) -> None:
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("UPDATE replies SET reply = 'BUY everything'")
        raw.commit()


def _other_database(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("CREATE TABLE somebody (s)")
        raw.commit()


def _newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("PRAGMA user_version = 99")


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda path: path.write_bytes(b"not a database at all" * 100), "is damaged or no cache"),
        (_cut, "is damaged or no cache"),
        (_changed_reply, "a reply in it has changed"),
        (_other_database, "another program's database"),
        (_newer, "written by a newer kisbt"),
    ],
)
def test_a_damaged_cache_is_one_clear_line(tmp_path: Path, damage: Any, words: str) -> None:
    path = tmp_path / "cache.sqlite"
    with closing(ReplyCache(path)) as cache:
        for key in range(200):
            cache.put(str(key), WORDS._replace(reply="x" * 500))
        cache._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    damage(path)
    with pytest.raises(ConfigError, match=words) as raised:
        ReplyCache(path)
    assert "\n" not in str(raised.value)


def test_a_folder_in_its_place_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is damaged or no cache"):
        ReplyCache(tmp_path)


def test_a_replay_makes_no_cache(tmp_path: Path) -> None:
    path = tmp_path / "none.sqlite"
    with pytest.raises(ConfigError, match="does not exist"):
        ReplyCache(path, create=False)
    assert not path.exists()


def test_a_file_that_breaks_later_ends_the_run_instead_of_holding(tmp_path: Path) -> None:
    with closing(ReplyCache(tmp_path / "cache.sqlite")) as cache:
        cache._db.execute("DROP TABLE replies")
        with pytest.raises(CacheTrouble, match="can no longer be used"):
            cache.put("a", WORDS)
