"""``kisbt journal``."""

import typer

app = typer.Typer(
    help="The journal (매매 일지): runs, trades, worst trades, explanations.", no_args_is_help=True
)
