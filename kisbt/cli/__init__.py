"""Command line: parse, call one function, print. Heavy imports happen inside the commands."""

import sys

from kisbt.errors import TradingSystemError

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""


def main() -> None:
    """Entry point of ``kisbt``: one clear line and an exit code for every expected error."""
    from kisbt.cli.app import app
    from kisbt.cli.output import report_error

    try:
        app()
    except TradingSystemError as error:
        report_error(error)
        sys.exit(error.exit_code)
    except SystemExit as stop:
        if stop.code == INTERRUPTED:  # typer has turned Ctrl-C into a silent exit
            print("kisbt: interrupted; nothing half-done counts as finished", file=sys.stderr)
        raise
