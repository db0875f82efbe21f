from datetime import date, datetime

import pytest

from kisbt.sim.exchange.hours import Phase, day_times, phase_at


@pytest.mark.parametrize(
    ("moment", "phase"),
    [
        ("2025-03-04T08:29:59", Phase.CLOSED),
        ("2025-03-04T08:30:00", Phase.OPENING),
        ("2025-03-04T08:59:59", Phase.OPENING),
        ("2025-03-04T09:00:00", Phase.CONTINUOUS),
        ("2025-03-04T15:19:59", Phase.CONTINUOUS),
        ("2025-03-04T15:20:00", Phase.CLOSING),
        ("2025-03-04T15:30:00", Phase.POST_CLOSE),
        ("2025-03-04T16:00:00", Phase.SINGLE_PRICE),
        ("2025-03-04T18:00:00", Phase.CLOSED),
        ("2025-03-01T10:00:00", Phase.CLOSED),
        ("2026-09-11T17:00:00", Phase.SINGLE_PRICE),
        ("2026-09-14T17:00:00", Phase.AFTER_MARKET),
        ("2026-09-14T19:59:59", Phase.AFTER_MARKET),
        ("2026-09-14T20:00:00", Phase.CLOSED),
    ],
)
def test_phases_begin_and_end_on_their_second(moment, phase):
    assert phase_at(datetime.fromisoformat(moment)) is phase


def test_csat_day_runs_an_hour_late():
    times = day_times(date(2025, 11, 13))
    assert (times.entry.hour, times.open.hour) == (9, 10)
    assert (times.close.hour, times.close.minute) == (16, 30)
    assert times.late < times.end
