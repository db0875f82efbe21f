import shutil
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings

from kisbt.data.dataset import Dataset
from kisbt.data.store import list_datasets, load_dataset, save_dataset
from kisbt.errors import DataError
from tests.data.worlds import make_world, worlds


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    return save_dataset(make_world(2, names=3, bases=True, split=True), tmp_path)


def edit_manifest(path: Path, **changes: object) -> None:
    file = path / "manifest.json"
    file.write_bytes(orjson.dumps(orjson.loads(file.read_bytes()) | changes))


def edit_bars(path: Path, change: object) -> None:
    table = pq.read_table(path / "bars.parquet")
    pq.write_table(change(table), path / "bars.parquet")  # type: ignore[operator]


def assert_equal(one: Dataset, other: Dataset) -> None:
    assert one.manifest == other.manifest
    assert one.instruments == other.instruments
    assert one.actions == other.actions
    assert one.tickers == other.tickers
    for ticker in one.tickers:
        for column in one.bars[ticker].__slots__:
            left, right = (getattr(d.bars[ticker], column) for d in (one, other))
            np.testing.assert_array_equal(left, right)
    assert (one.index is None) == (other.index is None)
    if one.index is not None and other.index is not None:
        np.testing.assert_array_equal(one.index.values, other.index.values)
        np.testing.assert_array_equal(one.index.times, other.index.times)


@settings(deadline=None, max_examples=20, suppress_health_check=list(HealthCheck))
@given(worlds(30))
def test_what_is_saved_is_what_is_loaded(tmp_path: Path, dataset: Dataset) -> None:
    save_dataset(dataset, tmp_path, force=True)
    assert_equal(load_dataset("world", tmp_path), dataset)


def test_saving_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    dataset = make_world(2, names=3)
    one = save_dataset(dataset, tmp_path / "a")
    two = save_dataset(dataset, tmp_path / "b")
    for file in ("manifest.json", "bars.parquet", "index.parquet"):
        assert (one / file).read_bytes() == (two / file).read_bytes()


def test_a_dataset_can_be_loaded_by_its_path(saved: Path) -> None:
    assert load_dataset(str(saved), Path("/nowhere")).name == "world"


def test_another_writer_of_the_same_values_keeps_the_hash(saved: Path) -> None:
    edit_bars(saved, lambda table: table)
    assert load_dataset("world", saved.parent).rows > 0


def test_an_existing_dataset_is_replaced_only_by_force(saved: Path) -> None:
    before = (saved / "bars.parquet").read_bytes()
    with pytest.raises(DataError, match=r"dataset 'world' exists already .--force replaces it"):
        save_dataset(make_world(3), saved.parent)
    assert (saved / "bars.parquet").read_bytes() == before
    save_dataset(make_world(3), saved.parent, force=True)
    assert (saved / "bars.parquet").read_bytes() != before


def test_force_does_not_remove_a_folder_that_is_no_dataset(tmp_path: Path) -> None:
    (tmp_path / "world").mkdir()
    (tmp_path / "world" / "thesis.txt").write_text("dear")
    with pytest.raises(DataError, match=r"is not a dataset"):
        save_dataset(make_world(3), tmp_path, force=True)
    assert (tmp_path / "world" / "thesis.txt").exists()


def test_a_failed_write_leaves_nothing_behind(tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("")
    with pytest.raises(DataError, match=r"cannot write dataset to"):
        save_dataset(make_world(3), blocker)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_missing_dataset_lists_the_known_ones_and_the_nearest(saved: Path) -> None:
    with pytest.raises(DataError, match=r"no dataset 'worl' .did you mean 'world'. known: world"):
        load_dataset("worl", saved.parent)
    with pytest.raises(DataError, match=r"there is none in"):
        load_dataset("worl", saved.parent / "empty")


def test_a_folder_of_csv_files_is_told_how_to_become_a_dataset(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    with pytest.raises(DataError, match=r"folder without manifest.json .kisbt data import raw"):
        load_dataset("raw", tmp_path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "manifest.json is not JSON"),
        (b"[]", "manifest.json is not an object"),
        (b'{"format": 7}', "dataset format 7, this version reads 1"),
        (b'{"format": 1, "name": "world"}', "manifest.json: hash: Field required"),
    ],
)
def test_a_damaged_manifest_is_named(saved: Path, content: bytes, words: str) -> None:
    (saved / "manifest.json").write_bytes(content)
    with pytest.raises(DataError, match=words):
        load_dataset("world", saved.parent)


def test_an_unknown_key_in_the_manifest_is_named(saved: Path) -> None:
    edit_manifest(saved, colour="red")
    with pytest.raises(DataError, match=r"manifest.json: colour: Extra inputs"):
        load_dataset("world", saved.parent)


def test_a_missing_parquet_file_is_named(saved: Path) -> None:
    (saved / "bars.parquet").unlink()
    with pytest.raises(DataError, match=r"world: damaged dataset: bars.parquet is missing"):
        load_dataset("world", saved.parent)


def test_a_corrupt_parquet_file_is_named_in_one_line(saved: Path) -> None:
    (saved / "bars.parquet").write_bytes(b"PAR1 nonsense")
    with pytest.raises(DataError, match=r"bars.parquet is not readable parquet") as caught:
        load_dataset("world", saved.parent)
    assert "\n" not in str(caught.value)


def test_a_changed_price_is_a_hash_mismatch(saved: Path) -> None:
    def change(table: pa.Table) -> pa.Table:
        close = table.column("close").to_numpy().copy()
        close[0] += 1
        return table.set_column(table.column_names.index("close"), "close", pa.array(close))

    edit_bars(saved, change)
    with pytest.raises(DataError, match=r"hash of bars.parquet differs"):
        load_dataset("world", saved.parent)
    assert load_dataset("world", saved.parent, verify=False).rows > 0


def test_a_changed_instrument_is_a_hash_mismatch(saved: Path) -> None:
    body = orjson.loads((saved / "manifest.json").read_bytes())
    body["instruments"][0]["market"] = "KONEX"
    edit_manifest(saved, instruments=body["instruments"])
    with pytest.raises(DataError, match=r"hash of instruments and actions differs"):
        load_dataset("world", saved.parent)


def test_a_changed_index_is_a_hash_mismatch(saved: Path) -> None:
    table = pq.read_table(saved / "index.parquet")
    values = table.column("value").to_numpy() + 1
    pq.write_table(table.set_column(1, "value", pa.array(values)), saved / "index.parquet")
    with pytest.raises(DataError, match=r"hash of index.parquet differs"):
        load_dataset("world", saved.parent)


def test_missing_and_mistyped_columns_are_named(saved: Path) -> None:
    edit_bars(saved, lambda table: table.drop_columns(["low"]))
    with pytest.raises(DataError, match=r"bars.parquet lacks column low"):
        load_dataset("world", saved.parent)
    save_dataset(make_world(2), saved.parent, force=True)
    edit_bars(
        saved,
        lambda t: t.set_column(2, "open", t.column("open").cast(pa.float64())),
    )
    with pytest.raises(DataError, match=r"column 'open' is double, expected int64"):
        load_dataset("world", saved.parent)


def test_a_time_column_of_another_type_is_named(saved: Path) -> None:
    edit_bars(saved, lambda t: t.set_column(1, "time", t.column("volume")))
    with pytest.raises(DataError, match=r"column 'time' is not a timestamp"):
        load_dataset("world", saved.parent)


def test_scattered_rows_of_a_name_are_refused(saved: Path) -> None:
    edit_bars(saved, lambda t: pa.concat_tables([t.slice(1), t.slice(0, 1)]))
    with pytest.raises(DataError, match=r"rows of 000010 are not together"):
        load_dataset("world", saved.parent)


def test_names_in_the_bars_and_in_the_manifest_must_agree(saved: Path) -> None:
    edit_bars(saved, lambda t: t.filter(pa.compute.not_equal(t.column("ticker"), "000020")))
    with pytest.raises(DataError, match=r"disagree about the names 000020"):
        load_dataset("world", saved.parent)


def test_a_dataset_without_rows_is_refused(saved: Path) -> None:
    edit_bars(saved, lambda t: t.slice(0, 0))
    with pytest.raises(DataError, match=r"has no rows"):
        load_dataset("world", saved.parent)


def test_listing_shows_a_damaged_dataset_with_its_problem(saved: Path) -> None:
    broken = saved.parent / "broken"
    shutil.copytree(saved, broken)
    (broken / "manifest.json").write_bytes(b"{")
    (saved.parent / "no_dataset").mkdir()
    found = list_datasets(saved.parent)
    assert [one.name for one in found] == ["broken", "world"]
    assert found[0].manifest is None
    assert "not JSON" in found[0].problem
    assert found[1].manifest is not None
    assert list_datasets(saved / "nowhere") == []
