"""Command line: parse, call one function, print. Heavy imports happen inside the commands."""

import sys

from kisbt.errors import TradingSystemError


def main() -> None:
    """Entry point of ``kisbt``: one clear line and an exit code for every expected error."""
    from kisbt.cli.app import app
    from kisbt.cli.output import report_error

    try:
        app()
    except TradingSystemError as error:
        report_error(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("kisbt: interrupted; nothing half-done was kept as finished", file=sys.stderr)
        sys.exit(130)
