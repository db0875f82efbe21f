import re
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kisbt.report.linechart import HEIGHT, WIDTH, Line, line_chart


def days(count: int) -> list[date]:
    return [date(2024, 1, 2) + timedelta(days=n) for n in range(count)]


@given(
    st.lists(st.floats(-0.99, 50.0), min_size=1, max_size=80),
    st.floats(1e-6, 1.0),
)
def test_every_point_lies_inside_the_picture(values: list[float], scale: float) -> None:
    scaled = [value * scale for value in values]
    drawn = line_chart(days(len(scaled)), [Line("전략", "net", scaled)], label="x")
    points = re.findall(r"([\d.-]+),([\d.-]+)", re.search(r'points="([^"]+)"', drawn)[1])
    assert len(points) == len(values)
    for x, y in points:
        assert 0 <= float(x) <= WIDTH
        assert 0 <= float(y) <= HEIGHT
    assert drawn.count('class="zero"') == 1


def test_axis_is_labelled_in_percent_with_round_steps() -> None:
    drawn = line_chart(days(300), [Line("a", "net", [n / 1000 for n in range(300)])], label="x")
    assert re.findall(r'text-anchor="end">([^<]+)<', drawn) == ["0%", "+10%", "+20%", "+30%"]


@pytest.mark.parametrize("count", [1, 2, 5, 40, 200, 700, 2_600, 9_000])
def test_dates_are_at_most_ten_and_in_order(count: int) -> None:
    drawn = line_chart(days(count), [Line("a", "net", [0.1] * count)], label="x")
    shown = re.findall(r'text-anchor="middle">([^<]+)<', drawn)
    assert len(shown) <= 10
    assert shown == sorted(shown) or count < 60


def test_legend_names_every_line_and_escapes_it() -> None:
    lines = [Line("<b>", "net", [0.1]), Line("시장", "market", [0.2])]
    drawn = line_chart(days(1), lines, label='"x"')
    assert "&lt;b&gt;" in drawn
    assert "시장" in drawn
    assert 'aria-label="&quot;x&quot;"' in drawn


@pytest.mark.parametrize(("count", "values"), [(0, []), (2, [0.1]), (1, [0.1, 0.2])])
def test_curve_that_does_not_fit_its_days_is_refused(count: int, values: list[float]) -> None:
    with pytest.raises(ValueError, match="sessions and curves"):
        line_chart(days(count), [Line("a", "net", values)], label="x")


def test_axis_never_goes_below_a_total_loss() -> None:
    values = [-0.05, 0.0, 5.5]
    drawn = line_chart(days(3), [Line("a", "net", values)], label="x")
    assert re.findall(r'text-anchor="end">([^<]+)<', drawn)[0] == "0%"
