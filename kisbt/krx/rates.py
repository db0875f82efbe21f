"""Decimal rates as exact ratios, so that cutting to whole won or shares never depends on binary."""

from fractions import Fraction
from functools import lru_cache


@lru_cache(maxsize=256)
def exact_ratio(rate: float) -> tuple[int, int]:
    """Return the decimal that ``rate`` prints as, as numerator and denominator.

    ``exact_ratio(0.29)`` is ``(29, 100)``, so that 100 shares times it are 29 and not 28.
    """
    return Fraction(repr(float(rate))).as_integer_ratio()
