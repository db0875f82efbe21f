"""The run card: everything that a run rests on as hashes, and what came out, in one JSON file.

Cards of the same spec and inputs hold the same results. ``run_id``, ``trials_before`` and
``information`` (versions of packages, notes) are for people and are not compared.
"""

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kisbt.errors import ConfigError
from kisbt.report.metrics import compute_metrics
from kisbt.report.writing import canonical_json, write_whole

if TYPE_CHECKING:
    from kisbt.domain.result import RunResult

CARD_FORMAT = "kisbt run card 1"

_PACKAGES = (
    "backtrader",
    "exchange-calendars",
    "kisbt",
    "numpy",
    "pandas",
    "pyarrow",
    "quantstats",
)
_COMPARED = ("spec", "inputs", "results")


def make_card(result: "RunResult") -> dict[str, Any]:
    """The card as plain values.

    ``spec`` is everything the run was asked to do. ``inputs``: ``code`` (all of kisbt's sources),
    ``krx`` (one hash a module; ``calendar.py`` and ``rates.py`` are the calendar and the tax
    tables), ``data``, ``prompt`` (its rules are part of its text), ``strategy``, ``decider``,
    ``seeds`` (empty: nothing in a replay is random unless its spec names seeds). ``results``:
    ``digests``, ``metrics``, ``benchmark``, ``violations``. ``information`` is for people.
    """
    package = Path(__file__).resolve().parents[1]
    return {
        "format": CARD_FORMAT,
        "run_id": result.run_id,
        "trials_before": result.trials_before,
        "spec": dict(result.spec),
        "inputs": {
            "code": code_hash(),
            "krx": {file.name: file_hash(file) for file in sorted((package / "krx").glob("*.py"))},
            "data": {
                key: result.dataset.get(key) for key in ("name", "hash", "synthetic", "adjusted")
            },
            "prompt": dict(result.prompt) if result.prompt is not None else None,
            "strategy": dict(result.strategy),
            "decider": result.decider,
            "seeds": result.spec.get("seeds") or [],
        },
        "results": {
            "digests": dict(result.digests),
            "metrics": compute_metrics(result),
            "benchmark": result.benchmark_label,
            "violations": list(result.violations),
        },
        "information": {
            "assumptions": list(result.assumptions),
            "notes": list(result.notes),
            "skipped_features": list(result.skipped_features),
            "versions": _versions(),
        },
    }


def write_card(result: "RunResult", path: Path) -> Path:
    """Write the run card as canonical JSON.

    Raises:
        ConfigError: the folder cannot be written.
    """
    return write_whole(path, canonical_json(make_card(result)))


def read_card(path: Path) -> dict[str, Any]:
    """Read a run card.

    Raises:
        ConfigError: there is no such file, it is no JSON, or it is no run card of this format.
    """
    try:
        raw = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise ConfigError(
            f"cannot read run card {path}: {reason}", hint="give the card.json of a finished run"
        ) from error
    try:
        card = json.loads(raw)
    except ValueError as error:
        raise ConfigError(
            f"run card {path.name} is broken: {error}", hint="run the backtest again"
        ) from error
    if not isinstance(card, dict) or card.get("format") != CARD_FORMAT:
        found = card.get("format") if isinstance(card, dict) else type(card).__name__
        raise ConfigError(
            f"{path.name} is no run card: expected format {CARD_FORMAT!r}, was {found!r}",
            hint="give the card.json of a finished run",
        )
    missing = [name for name in _COMPARED if not isinstance(card.get(name), dict)]
    if missing:
        raise ConfigError(
            f"run card {path.name} lacks {', '.join(missing)}", hint="run the backtest again"
        )
    return card


def compare_cards(left: Mapping[str, Any], right: Mapping[str, Any]) -> list[str]:
    """Names in spec, inputs and results that differ, dotted, sorted; empty when the cards agree."""
    found: list[str] = []
    for section in _COMPARED:
        _collect(left.get(section), right.get(section), section, found)
    return sorted(found)


def _collect(left: Any, right: Any, where: str, found: list[str]) -> None:
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        for key in {**left, **right}:
            missing = object()
            _collect(left.get(key, missing), right.get(key, missing), f"{where}.{key}", found)
    elif left != right:
        found.append(where)


def file_hash(file: Path) -> str:
    """``sha256:`` of a text file; the line ends of the checkout do not matter."""
    content = file.read_bytes().replace(b"\r\n", b"\n")
    return "sha256:" + hashlib.sha256(content).hexdigest()


@cache
def code_hash() -> str:
    """``source_hash`` of all of kisbt, as this process found it when it first asked."""
    return source_hash(Path(__file__).resolve().parents[1])


def source_hash(folder: Path) -> str:
    """``sha256:`` over the names and contents of all Python files below a folder."""
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*.py"), key=lambda each: each.relative_to(folder).as_posix()):
        digest.update(f"{file.relative_to(folder).as_posix()} {file_hash(file)}\n".encode())
    return "sha256:" + digest.hexdigest()


def _versions() -> dict[str, str]:
    import platform
    from importlib import metadata  # slow to import

    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found
