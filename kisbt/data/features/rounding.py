"""Rounding to six significant digits with exactly rounded operations only.

``log10`` would be shorter, but its last bit depends on the CPU's vector path, and history and
live bars must agree to the bit.
"""

import numpy as np
from numpy.typing import NDArray

DIGITS = 6
_LOWEST, _HIGHEST = -16, 18
_POWERS = np.array([float(f"1e{k}") for k in range(_LOWEST, _HIGHEST + 1)])
_WHOLE = np.array([10.0**k for k in range(23)])


def round_significant(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Round to six significant digits; NaN stays NaN, and -0.0 becomes 0.0."""
    exponent = np.searchsorted(_POWERS, np.abs(values), side="right") - 1 + _LOWEST
    decimals = np.clip(DIGITS - 1 - exponent, -_HIGHEST, 22)
    up = _WHOLE[np.maximum(decimals, 0)]
    down = _WHOLE[np.maximum(-decimals, 0)]
    rounded: NDArray[np.float64] = np.rint(values * up / down) * down / up + 0.0
    return rounded
