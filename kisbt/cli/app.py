"""The command tree. Each group lives in its own module."""

from typing import Annotated

import typer

from kisbt import __version__
from kisbt.cli import (
    backtest,
    chaos,
    checks,
    data,
    doctor,
    drift,
    evolve,
    gate,
    journal,
    live,
    parity,
    probe,
    prompts,
    reflect,
    safety,
    sim,
)

app = typer.Typer(
    name="kisbt",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # a bug shows Python's own traceback, without values
    rich_markup_mode=None,  # rich help alone takes longer than everything else together
    add_completion=False,
)
app.command()(backtest.backtest)
app.command()(chaos.chaos)
app.command()(checks.lookahead)
app.command()(checks.verify)
app.command()(doctor.doctor)
app.command()(drift.drift)
app.command()(evolve.evolve)
app.command()(sim.sim)
app.command()(live.live)
app.command()(parity.parity)
app.command()(probe.probe)
app.command()(reflect.reflect)
app.command()(safety.halt)
app.command()(safety.resume)
app.command()(safety.approve)
app.command()(safety.reject)
app.add_typer(data.app, name="data")
app.add_typer(prompts.app, name="prompts")
app.add_typer(journal.app, name="journal")
app.add_typer(gate.app, name="gate")
app.command()(gate.power)


def _version(show: bool) -> None:
    if show:
        typer.echo(f"kisbt {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """LLM strategies on Korean shares (KRX): backtest, learn, trade through KIS (한국투자증권)."""
