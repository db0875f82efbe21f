"""Seeded fault sessions of the whole live runner, many of them: ``python -m benchmarks.faults``.

Each session trades some days of a made-up market on the embedded simulator with every fault
profile mixed; in ``--kills`` of them the process is killed at random points, up to three times.
Exit 1 if anything was doubled, lost, passed or left open.
"""

import argparse
import json
import sys
import time
from collections import Counter

from kisbt.run.chaos_sessions import Told, run_sessions

COUNTS = ("doubled", "lost", "breaches", "stale", "unresolved", "errors")


def main() -> int:
    """Run, and print the table; 0 if all is clean."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=200, help="sessions with kills")
    parser.add_argument("--seed", type=int, default=0, help="of the first session")
    parser.add_argument("--minutes", action="store_true", help="five-minute bars in all of them")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=None, help="begin none after so long")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    began = time.monotonic()
    until = None if asked.seconds is None else began + asked.seconds
    told = run_sessions(
        asked.sessions, asked.kills, first=asked.seed, minutes=asked.minutes, jobs=asked.jobs,
        until=until, step=say,
    )  # fmt: skip
    figures = summary(told, time.monotonic() - began)
    print(json.dumps(figures, ensure_ascii=False, indent=2) if asked.json else table(figures))
    return 0 if not any(each.lines for each in told) else 1


def summary(told: list[Told], seconds: float) -> dict[str, object]:
    """Sums over sessions."""
    kinds: Counter[str] = Counter()
    for each in told:
        kinds.update(each.kinds)
    return {
        "sessions": len(told),
        "first seed": told[0].seed if told else 0,
        "sessions with kills": sum(each.kills > 0 for each in told),
        "kills": sum(each.kills for each in told),
        "processes": sum(each.processes for each in told),
        "orders": sum(each.orders for each in told),
        "executions": sum(each.fills for each in told),
        "faults injected": sum(each.injected for each in told),
        "kinds": dict(sorted(kinds.items())),
        **{what: sum(getattr(each, what) for each in told) for what in COUNTS},
        "sessions with findings": [each.seed for each in told if each.lines],
        "seconds": round(seconds),
    }


def table(figures: dict[str, object]) -> str:
    """A table in Markdown."""
    rows = [f"| {name} | {_cell(value)} |" for name, value in figures.items() if name != "kinds"]
    return "\n".join(["| what | number |", "| --- | ---: |", *rows])


def _cell(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(str(each) for each in value) or "none"
    return f"{value:,}" if isinstance(value, int | float) else str(value)


def say(told: Told) -> None:
    """Print what was found in one session."""
    for line in told.lines:
        print(f"seed {told.seed} ({told.kills} kills): {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
