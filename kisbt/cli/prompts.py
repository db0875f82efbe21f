"""``kisbt prompts``."""

import typer

app = typer.Typer(
    help="Prompt versions (프롬프트 버전): list, show, diff, lint, roll back.", no_args_is_help=True
)
