"""``kisbt doctor``."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kisbt.cli.output import ConfigOption, JsonFlag, emit_json, emit_table
from kisbt.cli.output import settings as load
from kisbt.errors import ConfigError, DataError

if TYPE_CHECKING:
    from kisbt.config import Settings
    from kisbt.kis.checkup import Check

SAMSUNG = "005930"
MARKS = {"ok": "OK", "failed": "FAILED", "skipped": "-"}


def doctor(
    mock: Annotated[
        bool, typer.Option("--mock", "--paper", help="Paper trading (모의투자); the default.")
    ] = False,
    real: Annotated[
        bool, typer.Option("--real", help="The real account (실전); only reads.")
    ] = False,
    sim: Annotated[bool, typer.Option("--sim", help="A running `kisbt sim`.")] = False,
    ticker: Annotated[
        str | None, typer.Option(help="The name to ask for: 005930, or the simulated dataset's.")
    ] = None,
    config_dir: Annotated[
        Path | None, typer.Option("--config-dir", help="Folder of kis_devlp.yaml.")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Check keys, clock, token, quotes, balance and stream, and say what to fix (점검)."""
    if real and mock:
        raise ConfigError("--mock and --real exclude each other", hint="choose one account")
    from kisbt.kis.checkup import check_up, simulator_config
    from kisbt.kis.config import load_config

    found = load(config)
    folder = config_dir or (Path(found.kis.config) if found.kis.config else None)
    if sim:
        source = simulator_config(config_dir or found.folder("simulator"))
    else:
        source = partial(load_config, folder)
    name = ticker or (_simulated_name(found) if sim else SAMSUNG)
    checks = check_up(source, real=real, simulated=sim, settings=found.kis, ticker=name)
    _show(checks, "sim" if sim else "real" if real else "paper", as_json=as_json)
    if any(check.status == "failed" for check in checks):
        raise typer.Exit(1)


def _simulated_name(settings: "Settings") -> str:
    """The first name of the dataset that ``kisbt sim`` serves by default."""
    from kisbt.data.store import load_dataset

    try:
        return load_dataset(settings.backtest.data, settings.folder("datasets")).tickers[0]
    except DataError:
        return SAMSUNG


def _show(checks: "list[Check]", target: str, *, as_json: bool) -> None:
    if as_json:
        good = all(check.status != "failed" for check in checks)
        rows = [check._asdict() for check in checks]
        emit_json({"target": target, "ok": good, "checks": rows})
        return
    table = [(check.name, MARKS[check.status], check.detail, check.fix) for check in checks]
    emit_table(f"kisbt doctor · {target}", ("check", "", "what", "fix"), table)
