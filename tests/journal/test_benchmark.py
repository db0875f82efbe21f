from math import isfinite

from benchmarks.journal import run


def test_benchmark_of_the_journal_runs_and_each_absolute_figure_has_its_ratio() -> None:
    figures = run(quick=True)
    assert all(isfinite(one.value) and one.value > 0 for one in figures)
    assert len({one.name for one in figures}) == len(figures)
    assert {one.unit for one in figures} >= {"x", "ms", "rows/s"}
