"""Files in, one dataset out: everything is read and checked before anything is written."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kisbt.data.checks import check_dataset
from kisbt.data.dataset import BarTable, Dataset, Floats, IndexSeries, Times
from kisbt.data.findings import Finding, Severity, errors, listed
from kisbt.data.importing.cleaning import clean, frequency_of
from kisbt.data.importing.names import NameBook, read_actions
from kisbt.data.importing.reading import RawTable, joined, read_csv
from kisbt.data.importing.series import read_series
from kisbt.data.listings import with_life
from kisbt.data.splits import find_splits
from kisbt.domain.market import Instrument, Market, Product
from kisbt.errors import DataError
from kisbt.krx.calendar import now

INDEX_NAMES = {"KS11": "KOSPI", "KQ11": "KOSDAQ", "KS200": "KOSPI200", "KOSPI200": "KOSPI200"}

Advance = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class RawFiles:
    """Raw rows by ticker, the files they came from, and those left aside."""

    tables: dict[str, RawTable]
    files: tuple[Path, ...]
    skipped: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ImportReport:
    """The dataset, what was dropped, changed or assumed, and the files left aside."""

    dataset: Dataset
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    skipped: tuple[str, ...]


def csv_files(paths: Iterable[Path]) -> tuple[list[Path], list[str]]:
    """The CSV files among ``paths``; of a folder, all but its manifest and names with ``_``.

    Raises:
        DataError: a path does not exist, or nothing is left.
    """
    files: list[Path] = []
    skipped: list[str] = []
    for path in paths:
        if path.is_dir():
            for one in sorted(path.iterdir()):
                if one.name.startswith(("_", ".")) or one.name == "manifest.csv":
                    skipped.append(one.name)
                elif one.name.lower().endswith((".csv", ".csv.gz", ".txt")):
                    files.append(one)
        elif path.is_file():
            files.append(path)
        else:
            raise DataError(f"no file or folder {path}")
    if not files:
        raise DataError(f"no CSV files in {listed(paths)}")
    return files, skipped


def read_files(paths: Sequence[Path], advance: Advance | None = None) -> RawFiles:
    """Read CSV files or folders of them into raw rows by ticker.

    Args:
        paths: Files and folders.
        advance: Called with each file's name once it is read.

    Raises:
        DataError: a file cannot be read or understood.
    """
    files, skipped = csv_files(paths)
    found: dict[str, list[RawTable]] = {}
    for file in files:
        for table in read_csv(file):
            found.setdefault(table.ticker, []).append(table)
        if advance is not None:
            advance(file.name)
    tables = {ticker: joined(found[ticker]) for ticker in sorted(found)}
    return RawFiles(tables, tuple(files), tuple(skipped))


def clean_files(raw: RawFiles) -> tuple[dict[str, BarTable], list[Finding], str]:
    """Bars by ticker, all findings, and the frequency of ``raw``."""
    frequency = frequency_of(list(raw.tables.values()))
    bars: dict[str, BarTable] = {}
    findings: list[Finding] = []
    for ticker, table in raw.tables.items():
        one, said = clean(table, frequency)
        findings += said
        if one is not None:
            bars[ticker] = one
    return bars, findings, frequency


def name_book(raw: RawFiles, names_file: Path | None) -> NameBook:
    """What is known of the names in ``raw``."""
    book = NameBook()
    if names_file is not None:
        book.add_names_file(names_file)
    folders = dict.fromkeys(folder for file in raw.files for folder in _above(file))
    for folder in folders:
        if (folder / "manifest.csv").is_file():
            book.add_manifest(folder / "manifest.csv", raw.files)
    return book


def assemble(
    name: str,
    raw: RawFiles,
    bars: dict[str, BarTable],
    frequency: str,
    *,
    market: Market | None = None,
    adjusted: bool | None = None,
    names_file: Path | None = None,
    index: IndexSeries | None = None,
    actions_file: Path | None = None,
    source: str = "",
    created: str | None = None,
) -> tuple[Dataset, list[str]]:
    """Put cleaned bars together with what is known of their names; notes say what was assumed.

    Raises:
        DataError: a names or actions file is wrong, or there is no bar.
    """
    if not bars:
        hint = "kisbt data check FILES says what became of each row"
        raise DataError(f"{name}: no usable rows in {listed(raw.tables)}", hint=hint)
    notes: list[str] = []
    book = name_book(raw, names_file)
    instruments: list[Instrument] = []
    assumed = []
    start = min(table.times[0] for table in bars.values()).astype("datetime64[D]")
    for ticker, table in bars.items():
        instrument, known = book.instrument(raw.tables[ticker], market)
        instrument, said = with_life(instrument, table, start.astype(object))
        instruments.append(instrument)
        notes += said
        if not known:
            assumed.append(ticker)
    if assumed:
        notes.append(
            f"market unknown, taken as KOSPI: {listed(assumed)} (--market or --names-file says it)"
        )
    funds = [i.ticker for i in instruments if i.product is not Product.STOCK]
    if funds:
        notes.append(f"taken as ETF or ETN: {listed(funds)}")
    if adjusted is None:
        based = any((table.base > 0).any() for table in bars.values())
        adjusted = True in book.adjusted or (not book.adjusted and not based)
        if len(book.adjusted) > 1:
            notes.append("the manifest calls some files adjusted and some raw: taken as adjusted")
        kind = "adjusted (수정주가)" if adjusted else "raw (무수정)"
        notes.append(f"prices taken as {kind} (--adjusted or --raw says it)")
    actions = read_actions(actions_file) if actions_file else []
    if not adjusted and frequency == "1d":
        known_splits = {(action.ticker, action.date) for action in actions}
        for instrument in instruments:
            for action in find_splits(bars[instrument.ticker], instrument):
                if (action.ticker, action.date) not in known_splits:
                    actions.append(action)
                    notes.append(f"split of {action.ticker} on {action.date}: {action.ratio:g}:1")
    dataset = Dataset.build(
        name,
        bars,
        instruments,
        index=index,
        actions=actions,
        frequency=frequency,
        adjusted=adjusted,
        source=source,
        created=created,
    )
    return dataset, notes


def import_files(
    paths: Sequence[Path],
    name: str,
    *,
    market: Market | None = None,
    adjusted: bool | None = None,
    names_file: Path | None = None,
    index_file: Path | None = None,
    actions_file: Path | None = None,
    advance: Advance | None = None,
) -> ImportReport:
    """Turn CSV files into a dataset in memory; saving it is ``store.save_dataset``'s business.

    Args:
        paths: CSV files and folders of them.
        name: Name of the new dataset.
        market: Market of all names, ``None`` to find out.
        adjusted: Whether prices are adjusted, ``None`` to find out.
        names_file: CSV of ticker, name, market and more.
        index_file: CSV of a benchmark index: a date and a close.
        actions_file: CSV of splits: ticker, date, ratio.
        advance: Called with each file's name once it is read.

    Raises:
        DataError: a file is not understood, or a row is wrong in a way that cannot be repaired.
    """
    raw = read_files(paths, advance)
    bars, findings, frequency = clean_files(raw)
    refuse_errors(findings)
    dataset, notes = assemble(
        name,
        raw,
        bars,
        frequency,
        market=market,
        adjusted=adjusted,
        names_file=names_file,
        index=_index(index_file, bars) if index_file else None,
        actions_file=actions_file,
        source=f"imported from {len(raw.files)} files",
        created=stamp(),
    )
    empty = [ticker for ticker in raw.tables if ticker not in bars]
    if empty:
        notes.append(f"no usable rows, left out: {listed(empty)}")
    kept = tuple(one for one in findings if one.severity is not Severity.ERROR)
    return ImportReport(dataset, kept, tuple(notes), raw.skipped)


def check_files(
    paths: Sequence[Path],
    *,
    market: Market | None = None,
    adjusted: bool | None = None,
    names_file: Path | None = None,
    actions_file: Path | None = None,
    advance: Advance | None = None,
) -> tuple[list[Finding], tuple[str, ...]]:
    """Check CSV files: their rows as they stand, then the dataset they would make.

    Names whose rows have errors go no further. Arguments are those of ``import_files``.

    Returns:
        All findings, and notes on what was assumed.

    Raises:
        DataError: a file is not understood.
    """
    raw = read_files(paths, advance)
    bars, findings, frequency = clean_files(raw)
    if not bars:
        return findings, ()
    dataset, notes = assemble(
        "files",
        raw,
        bars,
        frequency,
        market=market,
        adjusted=adjusted,
        names_file=names_file,
        actions_file=actions_file,
    )
    return findings + check_dataset(dataset), tuple(notes)


def refuse_errors(findings: Iterable[Finding]) -> None:
    """Raise ``DataError`` on the first error among ``findings``, and count the others."""
    wrong = errors(findings)
    if not wrong:
        return
    first = wrong[0]
    more = f"; {len(wrong) - 1} more errors" if len(wrong) > 1 else ""
    raise DataError(
        f"nothing imported: {first.ticker}: {first.detail}{more}",
        hint=f"{first.proposal}; kisbt data check FILES lists everything",
    )


def stamp() -> str:
    """The time as a manifest's ``created``: ISO, whole seconds, +09:00."""
    return f"{now().replace(microsecond=0).isoformat()}+09:00"


def _above(file: Path) -> tuple[Path, Path]:
    folder = file.resolve().parent
    return folder, folder.parent


def _index(path: Path, bars: dict[str, BarTable]) -> IndexSeries:
    """Read an index file: a date and a close (or value) column; cut to the days of ``bars``."""
    days, values = read_series(path)
    stem = path.name.split(".")[0]
    name = INDEX_NAMES.get(stem.split("_")[0].upper(), stem)
    return index_on(name, days, values, bars)


def index_on(name: str, days: Times, values: Floats, bars: Mapping[str, BarTable]) -> IndexSeries:
    """The index at the last bar of each day that it shares with ``bars``.

    Raises:
        DataError: they share none.
    """
    times = np.unique(np.concatenate([table.times for table in bars.values()]))
    plain = times.astype("datetime64[D]")
    last_of_day = np.append(plain[1:] != plain[:-1], True)
    closes, sessions = times[last_of_day], plain[last_of_day]
    keep = np.isin(sessions, days)
    if not keep.any():
        raise DataError(f"index {name} has no day in common with the bars")
    at = np.searchsorted(days, sessions[keep])
    return IndexSeries(name, closes[keep], values[at])
