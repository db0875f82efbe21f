"""Recomputes a run from its card: on any machine, without a key, byte for byte."""

from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from kisbt.config import Settings
from kisbt.errors import ConfigError
from kisbt.report.card import compare_cards, make_card, read_card
from kisbt.run.backtest import run_backtest
from kisbt.run.prepare import prepare
from kisbt.run.recorder import Progress
from kisbt.run.spec import RunSpec


class Verification(NamedTuple):
    """What the card says that the recomputed run does not; empty means verified."""

    run_id: str
    differences: tuple[str, ...]


def verify_card(
    path: Path, settings: Settings, *, progress: Progress | None = None
) -> Verification:
    """Replay what ``path`` describes and compare every hash and figure.

    Raises:
        ConfigError: the card is broken.
        TradingSystemError: data, prompt or strategy are not there.
    """
    card: dict[str, Any] = read_card(path)
    try:
        spec = RunSpec.model_validate(card["spec"])
    except (KeyError, ValueError) as error:
        raise ConfigError(f"run card {path.name} holds no usable spec: {error}") from error
    result = run_backtest(prepare(spec, settings), settings, progress=progress)
    same_run = replace(result, run_id=card["run_id"], trials_before=card["trials_before"])
    return Verification(str(card["run_id"]), tuple(compare_cards(card, make_card(same_run))))
