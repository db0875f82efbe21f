"""``python -m benchmarks [NAME] [--json] [--quick]``: measure and print the table."""

import argparse
import importlib
import json
import sys

from benchmarks.figures import Figure, markdown

NAMES = ("backtest", "evolve", "journal", "kis", "live", "llm", "reflection", "sweep")


def main() -> int:
    """Run one benchmark or all; exit 1 when a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", nargs="?", choices=NAMES, help="one benchmark; all by default")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.add_argument("--quick", action="store_true", help="small sizes: shows that it runs")
    chosen = parser.parse_args()
    figures: list[Figure] = []
    for name in [chosen.name] if chosen.name else NAMES:
        print(f"measuring {name} ...", file=sys.stderr)
        figures += importlib.import_module(f"benchmarks.{name}").run(quick=chosen.quick)
    if chosen.json:
        print(json.dumps({"figures": [one._asdict() for one in figures]}, indent=2))
    else:
        print(markdown(figures), end="")
    return 0 if all(one.met for one in figures) else 1


sys.exit(main())
