"""Files in, one dataset out, or nothing at all."""

from datetime import date
from pathlib import Path

import pytest

from kisbt.data.findings import Severity
from kisbt.data.importing import check_files, import_files
from kisbt.domain.market import Market, Product
from kisbt.errors import DataError

HEADER = "date,open,high,low,close,volume"
DAYS = ("2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05", "2024-01-08")


def csv(folder: Path, name: str, closes: list[int], *, extra: str = "", cells: str = "") -> Path:
    lines = [HEADER + extra]
    lines += [f"{d},{c},{c},{c},{c},10{cells}" for d, c in zip(DAYS, closes, strict=False)]
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_a_folder_becomes_one_dataset_and_its_odd_files_are_left_aside(tmp_path: Path) -> None:
    csv(tmp_path, "005930.csv", [1000, 1010])
    csv(tmp_path, "000660.csv", [2000, 2010, 2020])
    (tmp_path / "_notes.csv").write_text("nothing")
    (tmp_path / "read.me").write_text("nothing")
    seen: list[str] = []
    report = import_files([tmp_path], "mine", advance=seen.append)
    assert report.dataset.tickers == ["000660", "005930"]
    assert report.dataset.rows == 5
    assert report.skipped == ("_notes.csv",)
    assert seen == ["000660.csv", "005930.csv"]
    assert report.findings == ()
    assert report.dataset.manifest.created is not None
    assert report.dataset.manifest.created.endswith("+09:00")
    assert not report.dataset.manifest.synthetic


def test_files_of_one_name_that_follow_each_other_are_joined(tmp_path: Path) -> None:
    one = csv(tmp_path, "005930_2023.csv", [1000, 1010])
    two = csv(tmp_path, "005930_2024.csv", [1000, 1010, 1020])
    report = import_files([one, two], "mine")
    assert report.dataset.bars["005930"].close.tolist() == [1000, 1010, 1020]
    assert [f.kind for f in report.findings] == ["order", "duplicate"]


def test_files_of_one_name_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    one = csv(tmp_path, "005930_a.csv", [1000, 1010])
    two = csv(tmp_path, "005930_b.csv", [1000, 1011])
    with pytest.raises(DataError, match=r"005930_b.csv:3.*give one of the files only"):
        import_files([one, two], "mine")


def test_one_bad_row_imports_nothing_and_names_it(tmp_path: Path) -> None:
    csv(tmp_path, "005930.csv", [1000, 1010])
    csv(tmp_path, "000660.csv", [2000, -1])
    with pytest.raises(DataError, match=r"nothing imported: 000660: .*2024-01-03"):
        import_files([tmp_path], "mine")


def test_a_manifest_beside_the_files_gives_names_markets_and_adjustment(tmp_path: Path) -> None:
    csv(tmp_path / "daily", "247540.csv", [1000])
    csv(tmp_path / "daily", "114800.csv", [1000])
    (tmp_path / "manifest.csv").write_text(
        "file,ticker,name,market,adjusted\n"
        "daily/247540.csv,247540,에코프로비엠,KOSDAQ,raw\n"
        "daily/114800.csv,114800,KODEX 인버스,ETF,raw\n"
        "other/247540.csv,247540,딴것,KOSPI,adjusted\n",
        encoding="utf-8",
    )
    dataset = import_files([tmp_path / "daily"], "mine").dataset
    assert not dataset.adjusted
    share, fund = dataset.instruments["247540"], dataset.instruments["114800"]
    assert (share.name, share.market, share.product) == (
        "에코프로비엠",
        Market.KOSDAQ,
        Product.STOCK,
    )
    assert (fund.market, fund.product, fund.leverage) == (Market.KOSPI, Product.ETF, -1.0)


def test_a_names_file_says_everything_about_a_name(tmp_path: Path) -> None:
    path = csv(tmp_path, "005930.csv", [1000])
    names = tmp_path / "names.csv"
    names.write_text(
        "종목코드,종목명,시장구분,sector,listed,offer_price\n"
        "5930,삼성전자,코스피,반도체,1975-06-11,1000\n",
        encoding="cp949",
    )
    report = import_files([path], "mine", names_file=names)
    who = report.dataset.instruments["005930"]
    assert (who.name, who.sector, who.listed) == ("삼성전자", "반도체", date(1975, 6, 11))
    assert who.offer_price == 1000
    assert not any("market unknown" in note for note in report.notes)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("hello,x,KOSPI,", r"'hello' is not a ticker"),
        ("005930,x,KOSPI,-5", r"005930: offer_price: Input should be greater than 0"),
    ],
)
def test_a_wrong_names_file_is_named(tmp_path: Path, row: str, words: str) -> None:
    path = csv(tmp_path, "005930.csv", [1000])
    names = tmp_path / "names.csv"
    names.write_text(f"ticker,name,market,offer_price\n{row}\n", encoding="utf-8")
    with pytest.raises(DataError, match=words):
        import_files([path], "mine", names_file=names)


def test_an_unknown_market_is_taken_as_kospi_and_said(tmp_path: Path) -> None:
    path = csv(tmp_path, "005930.csv", [1000])
    report = import_files([path], "mine")
    assert report.dataset.instruments["005930"].market is Market.KOSPI
    assert any(note.startswith("market unknown, taken as KOSPI: 005930") for note in report.notes)
    told = import_files([path], "mine", market=Market.KOSDAQ)
    assert told.dataset.instruments["005930"].market is Market.KOSDAQ
    assert not any("market unknown" in note for note in told.notes)


def test_rows_with_base_prices_are_raw_and_others_adjusted_unless_told(tmp_path: Path) -> None:
    plain = csv(tmp_path, "005930.csv", [1000])
    based = csv(tmp_path / "b", "005930.csv", [1000], extra=",base", cells=",1000")
    assert import_files([plain], "m").dataset.adjusted
    assert not import_files([based], "m").dataset.adjusted
    assert not import_files([plain], "m", adjusted=False).dataset.adjusted


def test_a_split_shows_in_the_base_price_of_raw_rows(tmp_path: Path) -> None:
    path = tmp_path / "005930.csv"
    path.write_text(
        HEADER + ",base\n2024-01-02,50000,50000,50000,50000,10,50000\n"
        "2024-01-03,50000,50000,50000,50000,0,50000\n"
        "2024-01-04,11000,11000,11000,11000,10,10000\n",
        encoding="utf-8",
    )
    report = import_files([path], "mine")
    (action,) = report.dataset.actions
    assert (action.date, action.ratio) == (date(2024, 1, 4), 5.0)
    assert any("split of 005930 on 2024-01-04: 5:1" in note for note in report.notes)
    findings, _ = check_files([path])
    assert all(f.severity is Severity.INFO for f in findings)


def test_splits_can_be_told(tmp_path: Path) -> None:
    path = csv(tmp_path, "005930.csv", [50_000, 10_000])
    actions = tmp_path / "actions.csv"
    actions.write_text("ticker,date,ratio\n005930,2024-01-03,5\n", encoding="utf-8")
    dataset = import_files([path], "m", adjusted=False, actions_file=actions).dataset
    assert dataset.actions[0].ratio == 5.0
    actions.write_text("ticker,date,ratio\n005930,yesterday,5\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"actions.csv:2: date: .*ticker,date,ratio"):
        import_files([path], "m", adjusted=False, actions_file=actions)


def test_an_offering_shows_in_the_range_of_a_late_first_day(tmp_path: Path) -> None:
    csv(tmp_path, "005930.csv", [1000] * 5, extra=",base", cells=",1000")
    (tmp_path / "457550.csv").write_text(
        HEADER + ",base\n2024-01-04,12000,21200,11900,21200,10,5300\n", encoding="utf-8"
    )
    report = import_files([tmp_path], "mine")
    who = report.dataset.instruments["457550"]
    assert (who.listed, who.offer_price) == (date(2024, 1, 4), 5300)
    assert any("listing (신규상장) of 457550" in note for note in report.notes)


def test_a_name_marked_as_delisted_ended_with_its_last_bar(tmp_path: Path) -> None:
    csv(tmp_path, "005930.csv", [1000] * 5)
    csv(tmp_path, "014200.csv", [500, 100], extra=",name", cells=",[상폐] 광림")
    report = import_files([tmp_path], "mine")
    assert report.dataset.instruments["014200"].delisted == date(2024, 1, 3)


def test_an_index_file_is_cut_to_the_days_of_the_bars(tmp_path: Path) -> None:
    path = csv(tmp_path, "005930.csv", [1000, 1010, 1020])
    index = tmp_path / "KS11_close.csv"
    index.write_text(
        'Date,Close\n2024-01-01,1\n2024-01-04,"2,600.5"\n2024-01-02,2500.25\n', encoding="utf-8"
    )
    series = import_files([path], "mine", index_file=index).dataset.index
    assert series is not None
    assert series.name == "KOSPI"
    assert series.values.tolist() == [2500.25, 2600.5]
    assert [str(t) for t in series.times] == ["2024-01-02T15:30:00", "2024-01-04T15:30:00"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b\n1,2\n", r"wrong columns: a, b"),
        ("date,close\n", r"no rows"),
        ("date,close\n2024-01-02,x\n", r"column close"),
        ("date,close\n2024-01-02,-1\n", r"cannot be read"),
        ("date,close\n2020-01-02,1\n", r"no day in common"),
    ],
)
def test_a_wrong_index_file_is_named(tmp_path: Path, text: str, words: str) -> None:
    path = csv(tmp_path, "005930.csv", [1000])
    index = tmp_path / "index.csv"
    index.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=words):
        import_files([path], "mine", index_file=index)


def test_a_missing_path_and_an_empty_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no file or folder .*nowhere"):
        import_files([tmp_path / "nowhere"], "mine")
    with pytest.raises(DataError, match=r"no CSV files in"):
        import_files([tmp_path], "mine")


def test_rows_on_closed_days_alone_leave_nothing(tmp_path: Path) -> None:
    (tmp_path / "005930.csv").write_text(HEADER + "\n2024-01-06,1,1,1,1,1\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"no usable rows"):
        import_files([tmp_path], "mine")


def test_checking_files_finds_errors_in_rows_and_in_the_dataset_they_make(tmp_path: Path) -> None:
    csv(tmp_path, "005930.csv", [1000, -1])
    csv(tmp_path, "000660.csv", [1000, 5000])
    findings, notes = check_files([tmp_path])
    kinds = {(f.ticker, f.kind) for f in findings if f.severity is Severity.ERROR}
    assert kinds == {("005930", "price"), ("000660", "adjustment")}
    assert notes
