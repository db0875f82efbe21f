import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from kisbt.data.features.rounding import round_significant

numbers = st.floats(-1e15, 1e15, allow_nan=False)


def rounded(value: float) -> float:
    return float(round_significant(np.array([value]))[0])


@given(numbers)
@example(0.0)
@example(1e-12)
@example(999_999.5)
@example(123_456_789_012.0)
def test_rounding_keeps_six_digits_and_no_more(value: float) -> None:
    got = rounded(value)
    assert got == float(f"{got:.6g}")
    assert abs(got - value) <= abs(value) * 5.001e-6 + 1e-22


@given(numbers)
def test_rounding_is_idempotent_and_odd(value: float) -> None:
    once = rounded(value)
    assert rounded(once) == once
    assert rounded(-value) == -once


@given(numbers, numbers)
def test_rounding_is_monotone(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert rounded(low) <= rounded(high)


@given(st.lists(numbers, min_size=1, max_size=40))
def test_a_value_rounds_alike_alone_and_in_a_crowd(values: list[float]) -> None:
    crowd = round_significant(np.array(values))
    assert crowd.tolist() == [rounded(value) for value in values]


def test_nothing_stays_nothing_and_zero_has_no_sign() -> None:
    assert np.isnan(rounded(float("nan")))
    assert str(rounded(-0.0)) == "0.0"
