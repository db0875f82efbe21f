"""A journal, a campaign on real KRX days, and evidence with or without a better version."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kisbt.config import GateSettings
from kisbt.gate.constraints import Conduct
from kisbt.gate.development import Evidence
from kisbt.gate.gate import Gate
from kisbt.gate.registry import Terms, Window
from kisbt.journal.database import DatabaseManager

FloatArray = npt.NDArray[np.float64]

SETTINGS = GateSettings(drawdown_points=0.5)
DEVELOPMENT = Window(first=date(2021, 1, 4), last=date(2022, 12, 29))
HOLDOUT = Window(first=date(2023, 1, 16), last=date(2023, 7, 28))
DAYS, HELD_OUT = 490, 130


def terms(**changes: object) -> Terms:
    values: dict[str, object] = {
        "champion": "sha256:champion",
        "dataset": "sha256:data",
        "development": DEVELOPMENT,
        "holdout": HOLDOUT,
        "seed": 7,
    }
    return Terms.model_validate(values | changes)


@contextmanager
def open_gate(folder: Path, settings: GateSettings = SETTINGS) -> Iterator[Gate]:
    with DatabaseManager(f"sqlite:///{folder / 'journal.sqlite'}") as db:
        yield Gate(db, settings, clock=lambda: datetime(2024, 1, 2, 18, 0))


def evidence(
    versions: tuple[str, ...], edges: tuple[float, ...], seed: int = 0, **changes: object
) -> Evidence:
    """Returns in which version k has the yearly information ratio ``edges[k]``."""
    rng = np.random.default_rng(seed)
    champion = 0.012 * rng.standard_normal(DAYS) + 0.0005
    noise = 0.007 * rng.standard_normal((DAYS, len(versions)))
    noise -= noise.mean(axis=0)
    shift = 0.007 * np.asarray(edges) / np.sqrt(252)
    found = Evidence(
        versions=versions,
        champion=champion,
        returns=champion[:, None] + noise + shift,
        conduct={version: Conduct(turnover=1.0) for version in versions},
        champion_conduct=Conduct(turnover=1.0),
    )
    return found._replace(**changes)


def held_out(ir: float, seed: int = 1, days: int = HELD_OUT) -> FloatArray:
    noise = 0.007 * np.random.default_rng(seed).standard_normal(days)
    return noise - noise.mean() + 0.007 * ir / np.sqrt(252)
