"""What every command prints: a table for people, or one JSON object with ``--json``.

stdout carries the answer, stderr carries the talk.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kisbt.errors import TradingSystemError

if TYPE_CHECKING:
    from kisbt.config import Settings

JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")]
ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="Settings file; default: kisbt.toml of the project.")
]


def settings(config: Path | None) -> "Settings":
    """Load the settings a command runs under."""
    from kisbt.config import load_settings

    return load_settings(config)


def emit_json(value: Any) -> None:
    """Print one JSON object on stdout. Dates become ISO strings, NaN becomes null."""
    import orjson

    options = orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS
    sys.stdout.write(orjson.dumps(value, default=str, option=options).decode() + "\n")


def emit_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table on stdout. Cells become text; numbers are right-aligned."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title or None, title_justify="left")
    for index, column in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[index], int | float) for row in rows)
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    Console().print(table)


def note(message: str) -> None:
    """Say something on stderr that is not the answer."""
    print(message, file=sys.stderr)


def report_error(error: TradingSystemError) -> None:
    """One line on stderr; with ``--json`` also one object on stdout."""
    print(f"kisbt: {' '.join(str(error).split())}", file=sys.stderr)
    if "--json" in sys.argv:
        body = {"error": {"kind": type(error).__name__, "message": str(error)}}
        print(json.dumps(body, ensure_ascii=False))
