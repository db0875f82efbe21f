"""What a piece of evidence was judged by, as one hash: settings, code, seed.

Thresholds that may be loosened for a promising candidate are worth nothing. Whoever changes one,
or the code that applies it, begins a new epoch; open evidence of the old one no longer counts.
"""

import hashlib
from functools import cache
from pathlib import Path

from kisbt.config import GateSettings

_JUDGES = (
    "evidence/betting.py",
    "evidence/bootstrap.py",
    "evidence/pbo.py",
    "evidence/signflip.py",
    "gate/budget.py",
    "gate/constraints.py",
    "gate/development.py",
    "gate/gate.py",
    "gate/registry.py",
    "gate/selection.py",
    "gate/shadow.py",
    "gate/state.py",
)
"""Files that decide. Words, tables and calibration do not."""


@cache
def code_hash() -> str:
    """Hash of the deciding code."""
    package = Path(__file__).resolve().parents[1]
    found = hashlib.sha256()
    for name in _JUDGES:
        text = (package / name).read_text(encoding="utf-8")  # the same on every system
        found.update(f"{name}\0{text}\0".encode())
    return found.hexdigest()


def epoch_hash(settings: GateSettings, seed: int) -> str:
    """``sha256:...`` of settings, deciding code and seed."""
    text = f"{settings.model_dump_json()}\0{code_hash()}\0{seed}"
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()
