"""Hansen's test of superior predictive ability, printed beside the gate's own test.

It does not decide: at 500 days its nominal 5 % is 7 to 9 %, because the standard deviations
that it divides by are noisy (see docs/gate-calibration.md). Source: Hansen, JBES 2005; ``arch``.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


class SPAResult(NamedTuple):
    """p-values of "no version beats the champion"; ``p_consistent`` is the usual one."""

    p_lower: float
    p_consistent: float
    p_upper: float


def spa(
    diffs: FloatArray, *, mean_block: float = 10, draws: int = 1000, seed: int = 0
) -> SPAResult:
    """SPA over paired differences [days, N]; versions that never differ are left out.

    All p-values are 1 when none differs or none has a mean above zero.
    """
    values = np.asarray(diffs, dtype=np.float64)
    if values.ndim == 1:
        values = values[:, np.newaxis]
    values = values[:, np.ptp(values, axis=0) > 0]
    if values.shape[1] == 0 or not (values.mean(axis=0) > 0).any():
        return SPAResult(1.0, 1.0, 1.0)
    from arch.bootstrap import SPA

    # SPA's own ``studentize`` only decides which versions count; its statistic is not divided.
    unit = values / stationary_deviation(values, mean_block)
    test = SPA(
        np.zeros(len(unit)), -unit, block_size=max(1, round(mean_block)), reps=draws, seed=seed
    )
    test.compute()
    found = test.pvalues
    # The observed sample counts as one of the draws, so that no p-value is zero.
    return SPAResult(
        *(
            (float(found[name]) * draws + 1) / (draws + 1)
            for name in ("lower", "consistent", "upper")
        )
    )


def stationary_deviation(values: FloatArray, mean_block: float) -> FloatArray:
    """Standard deviation of √n times the mean [N] that endless stationary resampling would show.

    Closed form of Politis & Romano (1994), as Hansen uses it: no resampling noise in it.
    """
    days = len(values)
    scale: FloatArray = np.abs(values).max(axis=0)
    deviations = values / scale
    deviations = deviations - deviations.mean(axis=0)
    spectrum = np.fft.rfft(deviations, 2 * days, axis=0)
    products = np.fft.irfft(np.abs(spectrum) ** 2, 2 * days, axis=0)[:days] / days
    lag, stay = np.arange(1, days), 1.0 - 1.0 / mean_block
    weight = (1 - lag / days) * stay**lag + lag / days * stay ** (days - lag)
    variance = products[0] + 2.0 * weight @ products[1:]
    unit: FloatArray = np.sqrt(np.maximum(variance, products[0] * 1e-6))
    return unit * scale
