"""Datasets on disk: a folder with ``manifest.json``, ``bars.parquet`` and ``index.parquet``."""

import difflib
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
from pydantic import ValidationError

from kisbt.data.content import PRICE_COLUMNS, bars_hash, dataset_hash, index_hash
from kisbt.data.dataset import (
    BARS_FILE,
    INDEX_FILE,
    BarTable,
    Dataset,
    IndexSeries,
    validate_table,
)
from kisbt.data.manifest import FORMAT, NAME, Manifest
from kisbt.errors import ConfigError, DataError

if TYPE_CHECKING:
    import pyarrow as pa

MANIFEST_FILE = "manifest.json"


@dataclass(frozen=True, slots=True)
class Listing:
    """One folder under ``datasets/``: its manifest, or the ``problem`` that hides it."""

    name: str
    path: Path
    manifest: Manifest | None
    problem: str = ""


def load_dataset(name_or_path: str, folder: Path, *, verify: bool = True) -> Dataset:
    """Load a dataset by its name under ``folder``, or by the path of its own folder.

    Args:
        name_or_path: A name such as ``"sample"``, or a path.
        folder: Where named datasets live.
        verify: Compare the content hashes with the manifest (some 20 ms for 75,000 bars).

    Raises:
        DataError: it is missing, damaged, of another format, or its content is not what the
            manifest says.
    """
    path = find_dataset(name_or_path, folder)
    manifest = read_manifest(path)
    bars = _read_bars(path / BARS_FILE, path.name)
    index = _read_index(path / INDEX_FILE, manifest, path.name) if manifest.index else None
    instruments = {i.ticker: i for i in manifest.instruments}
    if set(instruments) != set(bars):
        odd = ", ".join(sorted(set(instruments) ^ set(bars))[:5])
        raise _damaged(path.name, f"manifest and bars disagree about the names {odd}")
    for table in bars.values():
        validate_table(table, path.name)
    if verify:
        _verify(manifest, bars, index, path.name)
    ordered = {ticker: instruments[ticker] for ticker in bars}
    return Dataset(manifest.name, manifest, ordered, bars, index, manifest.actions)


def load_market(name_or_path: str, folder: Path) -> Dataset:
    """Load a dataset as strategies and venues see it: ``Dataset.as_traded``.

    Raises:
        DataError: as ``load_dataset``, or nothing in it ever traded.
    """
    return load_dataset(name_or_path, folder).as_traded()


def save_dataset(dataset: Dataset, folder: Path, *, force: bool = False) -> Path:
    """Write ``dataset`` to ``folder / dataset.name``: all of it or nothing.

    The same content gives the same bytes (with one version of pyarrow).

    Raises:
        DataError: it exists already and ``force`` is off, or the folder cannot be written.
    """
    target = free_place(folder, dataset.name, force)
    draft, former = folder / f".{dataset.name}.draft", folder / f".{dataset.name}.former"
    try:
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        _write_parquet(_bars_table(dataset), draft / BARS_FILE)
        if dataset.index is not None:
            _write_parquet(_index_table(dataset.index), draft / INDEX_FILE)
        (draft / MANIFEST_FILE).write_bytes(_manifest_text(dataset.manifest))
        if target.exists():
            shutil.rmtree(former, ignore_errors=True)
            target.rename(former)
        draft.rename(target)
    except OSError as error:
        if former.exists() and not target.exists():
            former.rename(target)
        raise DataError(f"cannot write dataset to {target}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    shutil.rmtree(former, ignore_errors=True)
    return target


def free_place(folder: Path, name: str, force: bool) -> Path:
    """The folder that a new dataset ``name`` may take.

    Raises:
        ConfigError: ``name`` is no plain folder name.
        DataError: it is taken and ``force`` is off, or by something that is no dataset.
    """
    if not re.fullmatch(NAME, name):
        raise ConfigError(
            f"'{name}' cannot be the name of a dataset",
            hint="letters, digits, '-', '_' and '.', not a '.' or '-' first",
        )
    target = folder / name
    if target.exists() and not force:
        raise DataError(f"dataset '{name}' exists already", hint="--force replaces it")
    if target.exists() and not (target / MANIFEST_FILE).is_file():
        raise DataError(f"{target} is not a dataset", hint="choose another --name")
    return target


def list_datasets(folder: Path) -> list[Listing]:
    """Every dataset under ``folder``, by name. A damaged one is listed with its problem."""
    if not folder.is_dir():
        return []
    found = []
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or not (path / MANIFEST_FILE).is_file():
            continue
        try:
            found.append(Listing(path.name, path, read_manifest(path)))
        except DataError as error:
            found.append(Listing(path.name, path, None, error.message))
    return found


def find_dataset(name_or_path: str, folder: Path) -> Path:
    """The folder of a dataset given by name or by path.

    Raises:
        DataError: there is none; names the known ones and the nearest.
    """
    named = folder / name_or_path
    for path in (named, Path(name_or_path)):
        if name_or_path and (path / MANIFEST_FILE).is_file():
            return path
    known = [listing.name for listing in list_datasets(folder)]
    near = difflib.get_close_matches(name_or_path, known, n=1)
    if named.is_dir() or Path(name_or_path).is_dir():
        raise DataError(
            f"'{name_or_path}' is a folder without {MANIFEST_FILE}",
            hint=f"kisbt data import {name_or_path} --name NAME makes a dataset of CSV files",
        )
    names = f"known: {', '.join(known)}" if known else f"there is none in {folder}"
    hint = f"did you mean '{near[0]}'? {names}" if near else names
    raise DataError(f"no dataset '{name_or_path}'", hint=hint)


def read_manifest(path: Path) -> Manifest:
    """Read ``manifest.json`` of the dataset folder ``path``.

    Raises:
        DataError: it cannot be read, is not JSON, is of another format or has a wrong field.
    """
    try:
        raw = orjson.loads((path / MANIFEST_FILE).read_bytes())
    except OSError as error:
        raise DataError(f"{path.name}: cannot read {MANIFEST_FILE}: {error.strerror}") from error
    except orjson.JSONDecodeError as error:
        raise _damaged(path.name, f"{MANIFEST_FILE} is not JSON: {error}") from error
    if not isinstance(raw, dict):
        raise _damaged(path.name, f"{MANIFEST_FILE} is not an object")
    if raw.get("format") != FORMAT:
        raise DataError(
            f"{path.name}: dataset format {raw.get('format')!r}, this version reads {FORMAT}",
            hint="import the data again, or use the kisbt that wrote it",
        )
    try:
        return Manifest.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise _damaged(path.name, f"{MANIFEST_FILE}: {where}: {first['msg']}") from error


def _damaged(name: str, what: str) -> DataError:
    return DataError(f"{name}: damaged dataset: {what}", hint="import or make it again")


def _verify(
    manifest: Manifest, bars: dict[str, BarTable], index: IndexSeries | None, name: str
) -> None:
    parts = {BARS_FILE: bars_hash(bars)}
    if index is not None:
        parts[INDEX_FILE] = index_hash(index)
    for file, found in parts.items():
        if manifest.files.get(file) != found:
            raise _damaged(name, f"hash of {file} differs from the manifest's")
    facts = {k: getattr(manifest, k) for k in ("frequency", "adjusted", "synthetic")}
    if dataset_hash(parts, manifest.instruments, manifest.actions, facts) != manifest.hash:
        raise _damaged(name, "hash of instruments and actions differs from the manifest's")


def _read_parquet(path: Path, columns: Iterable[str], name: str) -> "pa.Table":
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path, use_threads=False, partitioning=None)
    except FileNotFoundError as error:
        raise _damaged(name, f"{path.name} is missing") from error
    except (pa.ArrowException, OSError) as error:
        first = str(error).splitlines()[0]
        raise _damaged(name, f"{path.name} is not readable parquet: {first}") from error
    missing = [column for column in columns if column not in table.column_names]
    if missing:
        raise _damaged(name, f"{path.name} lacks column {', '.join(missing)}")
    return table


def _read_bars(path: Path, name: str) -> dict[str, BarTable]:
    table = _read_parquet(path, ("ticker", "time", *PRICE_COLUMNS), name)
    columns = {c: _ints(table, c, name) for c in PRICE_COLUMNS}
    times = _times(table, name)
    codes = table.column("ticker").to_numpy()
    edges = np.flatnonzero(codes[1:] != codes[:-1]) + 1
    bars: dict[str, BarTable] = {}
    for start, stop in zip([0, *edges], [*edges, len(codes)], strict=True):
        if stop == start:
            break
        ticker = str(codes[start])
        if ticker in bars:
            raise _damaged(name, f"{path.name}: rows of {ticker} are not together")
        cut = {c: values[start:stop] for c, values in columns.items()}
        bars[ticker] = BarTable(ticker, times[start:stop], **cut)
    if not bars:
        raise _damaged(name, f"{path.name} has no rows")
    return {ticker: bars[ticker] for ticker in sorted(bars)}


def _read_index(path: Path, manifest: Manifest, name: str) -> IndexSeries:
    table = _read_parquet(path, ("time", "value"), name)
    values = np.asarray(table.column("value").to_numpy(), dtype=np.float64)
    return IndexSeries(manifest.index or "", _times(table, name), values)


def _times(table: "pa.Table", name: str) -> np.ndarray[Any, Any]:
    values = table.column("time").to_numpy()
    if values.dtype.kind != "M" or np.isnat(values).any():
        raise _damaged(name, "column 'time' is not a timestamp")
    return np.asarray(values.astype("datetime64[s]"))


def _ints(table: "pa.Table", column: str, name: str) -> np.ndarray[Any, Any]:
    values = table.column(column)
    if str(values.type) != "int64" or values.null_count:
        raise _damaged(name, f"column '{column}' is {values.type}, expected int64 without gaps")
    return np.asarray(values.to_numpy())


def _bars_table(dataset: Dataset) -> "pa.Table":
    import pyarrow as pa

    tables = [dataset.bars[ticker] for ticker in dataset.tickers]
    counts = [len(table) for table in tables]
    codes = pa.DictionaryArray.from_arrays(
        np.repeat(np.arange(len(tables), dtype=np.int32), counts), dataset.tickers
    )
    times = np.concatenate([table.times for table in tables]).astype("datetime64[ms]")
    columns = {c: np.concatenate([getattr(t, c) for t in tables]) for c in PRICE_COLUMNS}
    return pa.table({"ticker": codes.cast(pa.string()), "time": times, **columns})


def _index_table(index: IndexSeries) -> "pa.Table":
    import pyarrow as pa

    return pa.table({"time": index.times.astype("datetime64[ms]"), "value": index.values})


def _write_parquet(table: "pa.Table", path: Path) -> None:
    import pyarrow.parquet as pq

    numeric = [c for c in table.column_names if c not in ("ticker", "value")]
    pq.write_table(
        table,
        path,
        compression="zstd",
        compression_level=9,
        use_dictionary=[c for c in table.column_names if c == "ticker"],
        column_encoding=dict.fromkeys(numeric, "DELTA_BINARY_PACKED"),
        write_statistics=True,
        row_group_size=1 << 20,
    )


def _manifest_text(manifest: Manifest) -> bytes:
    body = manifest.model_dump(mode="json")
    return orjson.dumps(body, option=orjson.OPT_INDENT_2) + b"\n"
