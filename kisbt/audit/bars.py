"""What the auditor reads of bars. It takes any object that has these arrays."""

from typing import Protocol

import numpy as np
import numpy.typing as npt


class Bars(Protocol):
    """Bars of one name, oldest first, all arrays of one length. Prices in won."""

    @property
    def times(self) -> npt.NDArray[np.datetime64]:
        """Bar closes, naive KST, strictly ascending."""
        ...

    @property
    def open(self) -> npt.NDArray[np.int64]:
        """First prices."""
        ...

    @property
    def high(self) -> npt.NDArray[np.int64]:
        """Highest prices."""
        ...

    @property
    def low(self) -> npt.NDArray[np.int64]:
        """Lowest prices."""
        ...

    @property
    def close(self) -> npt.NDArray[np.int64]:
        """Last prices."""
        ...

    @property
    def volume(self) -> npt.NDArray[np.int64]:
        """Shares; 0 in a halt (거래정지)."""
        ...

    @property
    def base(self) -> npt.NDArray[np.int64]:
        """The session's base price (기준가), 0 where unknown."""
        ...
