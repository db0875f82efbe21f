import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kisbt.domain.result import RunResult
from kisbt.errors import ConfigError
from kisbt.report.card import (
    compare_cards,
    file_hash,
    make_card,
    read_card,
    source_hash,
    write_card,
)
from kisbt.report.comparison import write_comparison
from kisbt.report.contest import contest_of
from kisbt.report.metrics import compute_metrics
from kisbt.report.tearsheet import write_tearsheet
from kisbt.report.trades import COLUMNS, write_trades_csv
from kisbt.report.writing import canonical_json, write_whole
from tests.report.fakes import NAMES, fake_result, from_levels


@pytest.fixture(scope="module")
def result() -> RunResult:
    return fake_result(sessions=120)


def rows_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline="")))


def test_trades_hold_every_fill_with_its_reason(result: RunResult, tmp_path: Path) -> None:
    rows = rows_of(write_trades_csv(result, tmp_path / "trades.csv"))
    assert len(rows) == len(result.fills)
    assert tuple(rows[0]) == COLUMNS
    for row, fill in zip(rows, result.fills, strict=True):
        assert row["time"] == f"{fill.at.isoformat()}+09:00"
        assert row["ticker"] == fill.ticker
        assert row["name"] == NAMES[fill.ticker]
        assert (row["side"], int(row["amount"])) == (fill.side.value, fill.amount)
        assert int(row["cash_after"]) == fill.cash_after
        assert int(row["position_after"]) == fill.position_after
        assert row["justification"] == result.reasons[fill.ref]


def test_trades_open_in_excel_as_korean(result: RunResult, tmp_path: Path) -> None:
    raw = write_trades_csv(result, tmp_path / "trades.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbftime,session,")
    assert "가나전자".encode() in raw


@pytest.mark.parametrize("start", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx"])
def test_justification_is_never_a_formula(result: RunResult, tmp_path: Path, start: str) -> None:
    evil = replace(result, reasons=dict.fromkeys(result.reasons, start))
    for row in rows_of(write_trades_csv(evil, tmp_path / "trades.csv")):
        assert row["justification"] == f"'{start}"


def test_justification_may_hold_commas_quotes_and_lines(result: RunResult, tmp_path: Path) -> None:
    text = 'a, "b"\nc\r\nd'
    odd = replace(result, reasons=dict.fromkeys(result.reasons, text))
    assert {r["justification"] for r in rows_of(write_trades_csv(odd, tmp_path / "t.csv"))} == {
        text
    }


def test_run_without_trades_has_a_header_only(tmp_path: Path) -> None:
    assert rows_of(write_trades_csv(from_levels([1, 2]), tmp_path / "trades.csv")) == []


def test_card_reads_back_what_was_written(result: RunResult, tmp_path: Path) -> None:
    card = read_card(write_card(result, tmp_path / "card.json"))
    assert card == json.loads(canonical_json(make_card(result)))
    assert card["results"]["metrics"] == compute_metrics(result)
    assert card["results"]["digests"] == dict(result.digests)
    assert card["inputs"]["data"]["hash"] == result.dataset["hash"]
    assert {"calendar.py", "rates.py", "ticks.py"} <= set(card["inputs"]["krx"])
    assert set(card["information"]["versions"]) >= {"python", "numpy", "pandas", "backtrader"}


def test_card_has_one_spelling(result: RunResult, tmp_path: Path) -> None:
    one = write_card(result, tmp_path / "a.json").read_bytes()
    shuffled = replace(result, spec=dict(reversed(result.spec.items())))
    assert write_card(shuffled, tmp_path / "b.json").read_bytes() == one


def test_equal_cards_have_no_differences(result: RunResult) -> None:
    other = replace(result, run_id="x", trials_before=99, notes=["y"])
    assert compare_cards(make_card(result), make_card(other)) == []


@pytest.mark.parametrize(
    ("bend", "named"),
    [
        (lambda r: replace(r, digests={**r.digests, "fills": "sha256:0"}), "results.digests.fills"),
        (lambda r: replace(r, digests={"fills": r.digests["fills"]}), "results.digests.equity"),
        (lambda r: replace(r, spec={**r.spec, "cash": 5}), "spec.cash"),
        (lambda r: replace(r, dataset={**r.dataset, "hash": "z"}), "inputs.data.hash"),
        (lambda r: replace(r, prompt={**r.prompt, "hash": "z"}), "inputs.prompt.hash"),
        (lambda r: replace(r, prompt=None), "inputs.prompt"),
        (lambda r: replace(r, strategy={**r.strategy, "hash": "z"}), "inputs.strategy.hash"),
        (lambda r: replace(r, violations=["v"]), "results.violations"),
    ],
)
def test_differing_field_is_named(
    result: RunResult, bend: Callable[[RunResult], RunResult], named: str
) -> None:
    found = compare_cards(make_card(result), make_card(bend(result)))
    assert named in found
    assert found == sorted(found)
    assert compare_cards(make_card(bend(result)), make_card(result)) == found


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot read run card"),
        (b"\xff\xfe", "not UTF-8"),
        (b"{", "is broken"),
        (b"[]", "is no run card"),
        (b'{"format": "other"}', "is no run card"),
        (b'{"format": "kisbt run card 1", "inputs": {}, "results": {}}', "lacks spec"),
        (
            b'{"format": "kisbt run card 1", "inputs": {}, "results": 3, "spec": {}}',
            "lacks results",
        ),
    ],
)
def test_broken_card_is_one_clear_error(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    path = tmp_path / "card.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=message) as caught:
        read_card(path)
    assert caught.value.hint


def test_source_hash_sees_names_and_contents_but_not_line_ends(tmp_path: Path) -> None:
    (tmp_path / "pack").mkdir()
    file = tmp_path / "pack" / "a.py"
    file.write_bytes(b"x = 1\n")
    before = source_hash(tmp_path)
    file.write_bytes(b"x = 1\r\n")
    (tmp_path / "notes.txt").write_text("other")
    assert source_hash(tmp_path) == before
    file.write_bytes(b"x = 2\n")
    changed = source_hash(tmp_path)
    file.rename(tmp_path / "pack" / "b.py")
    assert len({before, changed, source_hash(tmp_path)}) == 3
    assert file_hash(tmp_path / "pack" / "b.py").startswith("sha256:")


def test_writing_replaces_the_whole_file(tmp_path: Path) -> None:
    path = write_whole(tmp_path / "new" / "a.txt", b"one")
    write_whole(path, b"two")
    assert path.read_bytes() == b"two"
    assert list(path.parent.iterdir()) == [path]
    assert path.stat().st_mode & 0o777 == 0o644


def test_interrupted_writing_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_whole(tmp_path / "a.txt", b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(ConfigError, match="No space left on device"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "write",
    [
        lambda path: write_tearsheet(from_levels([5, 6]), path),
        lambda path: write_trades_csv(from_levels([5, 6]), path),
        lambda path: write_card(from_levels([5, 6]), path),
        lambda path: write_comparison(contest_of([from_levels([5, 6])]), path),
    ],
)
def test_unwritable_folder_is_one_clear_error(tmp_path: Path, write: Callable[[Path], Any]) -> None:
    (tmp_path / "results").write_text("a file where the folder should be")
    with pytest.raises(ConfigError, match=r"cannot write out\.file in ") as caught:
        write(tmp_path / "results" / "out.file")
    assert caught.value.hint
    assert "\n" not in str(caught.value)


def test_json_refuses_what_json_cannot_say() -> None:
    with pytest.raises(ValueError, match="JSON"):
        canonical_json({"x": float("nan")})


def test_report_modules_import_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "import kisbt.report.card, kisbt.report.tearsheet\n"
        "import kisbt.report.trades, kisbt.report.metrics\n"
        "heavy = {'numpy', 'pandas', 'matplotlib', 'quantstats', 'pydantic', 'scipy'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
