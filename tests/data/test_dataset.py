from datetime import date

import numpy as np
import pandas as pd
import pytest

from kisbt.data.dataset import BarTable, Dataset
from kisbt.data.manifest import CorporateAction
from kisbt.domain.market import Instrument, Market
from kisbt.errors import DataError
from tests.data.worlds import make_world


def frame(days: list[str], close: int = 1000) -> pd.DataFrame:
    columns = dict.fromkeys(("open", "high", "low", "close"), close) | {"volume": 10}
    return pd.DataFrame(columns, index=pd.to_datetime(days))


def test_days_of_a_daily_frame_become_closes_at_half_past_three() -> None:
    dataset = Dataset.from_frames("d", {"005930": frame(["2024-01-03"])})
    assert dataset.timeline.tolist() == [pd.Timestamp("2024-01-03 15:30").to_pydatetime()]
    assert dataset.bars["005930"].base.tolist() == [0]
    assert dataset.instruments["005930"] == Instrument(ticker="005930")


def test_times_of_a_minute_frame_are_taken_as_they_are() -> None:
    minutes = frame(["2024-01-03 09:01", "2024-01-03 09:02"])
    dataset = Dataset.from_frames("m", {"005930": minutes}, frequency="1m")
    assert str(dataset.timeline[0]) == "2024-01-03T09:01:00"
    assert dataset.frequency == "1m"


def test_names_and_timeline_are_sorted_and_each_time_comes_once() -> None:
    frames = {
        "000660": frame(["2024-01-03", "2024-01-04"]),
        "000020": frame(["2024-01-02", "2024-01-03"]),
    }
    dataset = Dataset.from_frames("d", frames)
    assert dataset.tickers == ["000020", "000660"] == list(dataset.bars)
    assert [str(t)[:10] for t in dataset.timeline] == ["2024-01-02", "2024-01-03", "2024-01-04"]
    assert (dataset.first_day, dataset.last_day) == (date(2024, 1, 2), date(2024, 1, 4))
    assert dataset.rows == 4 == dataset.manifest.rows


def test_a_frame_without_a_column_is_refused_by_name() -> None:
    with pytest.raises(DataError, match=r"005930: missing column volume"):
        Dataset.from_frames("d", {"005930": frame(["2024-01-03"]).drop(columns="volume")})


def test_unsorted_bars_are_refused() -> None:
    with pytest.raises(DataError, match=r"005930: bars are not in ascending order"):
        Dataset.from_frames("d", {"005930": frame(["2024-01-04", "2024-01-03"])})


def test_columns_of_unequal_length_are_refused() -> None:
    one, two = np.zeros(1, np.int64), np.zeros(2, np.int64)
    times = np.array(["2024-01-03T15:30"], dtype="datetime64[s]")
    table = BarTable("005930", times, one, one, one, two, one, one)
    with pytest.raises(DataError, match=r"column 'close' has another length"):
        Dataset.build("d", {"005930": table})


def test_no_bars_at_all_are_refused() -> None:
    with pytest.raises(DataError, match=r"d: no bars"):
        Dataset.from_frames("d", {"005930": frame([])})


def test_a_split_of_an_unknown_name_is_refused() -> None:
    action = CorporateAction(ticker="005935", date=date(2024, 1, 3), ratio=5)
    with pytest.raises(DataError, match=r"unknown ticker '005935'.*did you mean 005930"):
        Dataset.from_frames("d", {"005930": frame(["2024-01-03"])}, actions=[action])


def test_a_period_holds_both_of_its_ends() -> None:
    dataset = make_world(1, names=3, bars=20, missing=0.0)
    days = [t.astype("datetime64[D]").astype(object) for t in dataset.timeline]
    part = dataset.between(days[3], days[7])
    assert (part.first_day, part.last_day) == (days[3], days[7])
    assert len(part.timeline) == 5
    assert part.index is not None
    assert len(part.index.times) == 5
    assert part.hash == dataset.hash


def test_an_open_period_is_the_dataset_itself() -> None:
    dataset = make_world(1, bars=10)
    assert dataset.between(None, None) is dataset
    assert dataset.between(date(1990, 1, 1), None).rows == dataset.rows


def test_a_name_without_bars_in_the_period_is_left_out() -> None:
    frames = {"000020": frame(["2024-01-02"]), "000660": frame(["2024-01-04"])}
    action = CorporateAction(ticker="000660", date=date(2024, 1, 4), ratio=5)
    part = Dataset.from_frames("d", frames, actions=[action]).between(None, date(2024, 1, 3))
    assert part.tickers == ["000020"] == list(part.instruments)
    assert part.actions == ()


def test_an_empty_period_says_what_the_dataset_covers() -> None:
    dataset = Dataset.from_frames("d", {"000020": frame(["2024-01-02", "2024-01-05"])})
    with pytest.raises(DataError, match=r"no bars between 2025-01-01 .*covers 2024-01-02 to"):
        dataset.between(date(2025, 1, 1), None)
    with pytest.raises(DataError, match=r"no bars between 2024-01-03 and 2024-01-04"):
        dataset.between(date(2024, 1, 3), date(2024, 1, 4))


def test_a_reversed_period_is_refused() -> None:
    dataset = Dataset.from_frames("d", {"000020": frame(["2024-01-02"])})
    with pytest.raises(DataError, match=r"2024-02-01 is after 2024-01-01"):
        dataset.between(date(2024, 2, 1), date(2024, 1, 1))


def test_choosing_names_keeps_those_alone() -> None:
    dataset = make_world(1, names=4)
    part = dataset.only(["000020", "000040", "000020"])
    assert part.tickers == ["000020", "000040"]


def test_choosing_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(DataError, match=r"unknown ticker '000011' .did you mean 000010"):
        make_world(1).only(["000011"])
    with pytest.raises(DataError, match=r"it holds 000010, 000020, 000030"):
        make_world(1).only(["ABCDEF"])
    with pytest.raises(DataError, match=r"no ticker named"):
        make_world(1).only([])


def test_the_hash_follows_every_value_and_no_label() -> None:
    base = make_world(5, names=2, bases=True, split=True)
    renamed = rebuilt(base, name="other", source="elsewhere", created="2024-01-01T00:00:00+09:00")
    assert renamed.hash == base.hash
    assert rebuilt(base, adjusted=True).hash != base.hash
    assert rebuilt(base, actions=()).hash != base.hash
    assert rebuilt(base, index=None).hash != base.hash
    moved = [i.model_copy(update={"market": Market.KONEX}) for i in base.instruments.values()]
    assert rebuilt(base, instruments=moved).hash != base.hash
    for column in ("open", "high", "low", "close", "volume", "base"):
        changed = {t: table.cut(0, len(table)) for t, table in base.bars.items()}
        getattr(changed["000010"], column).setflags(write=True)
        values = getattr(changed["000010"], column).copy()
        values[-1] += 1
        columns = {c: getattr(changed["000010"], c) for c in BarTable.__slots__} | {column: values}
        changed["000010"] = BarTable(**columns)
        assert rebuilt(base, bars=changed).hash != base.hash, column


def rebuilt(base: Dataset, **changes: object) -> Dataset:
    facts = {
        "name": base.name,
        "bars": base.bars,
        "instruments": base.instruments.values(),
        "index": base.index,
        "actions": base.actions,
        "frequency": base.frequency,
    } | changes
    return Dataset.build(**facts)  # type: ignore[arg-type]
