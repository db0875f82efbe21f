"""``kisbt data``."""

import typer

app = typer.Typer(
    help="Datasets (데이터셋): list, check, import, synth, fetch.", no_args_is_help=True
)
