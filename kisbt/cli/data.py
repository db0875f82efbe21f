"""``kisbt data``."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kisbt.cli.output import ConfigOption, JsonFlag, emit_json, emit_table, settings

if TYPE_CHECKING:
    from kisbt.data.dataset import Dataset
    from kisbt.data.store import Listing

app = typer.Typer(
    help="Datasets (데이터셋): list, check, import, synth, fetch.", no_args_is_help=True
)

NameOption = Annotated[str, typer.Option("--name", help="Name of the new dataset.")]
ForceFlag = Annotated[bool, typer.Option("--force", help="Replace a dataset of that name.")]


@app.command("list")
def list_(as_json: JsonFlag = False, config: ConfigOption = None) -> None:
    """List the datasets (데이터셋 목록): frequency, names, period, rows, kind and hash."""
    from kisbt.data.store import list_datasets

    folder = settings(config).folder("datasets")
    found = list_datasets(folder)
    if as_json:
        emit_json({"folder": str(folder), "datasets": [_described(one) for one in found]})
        return
    emit_table(
        f"Datasets in {folder}",
        ["name", "bars", "names", "first", "last", "rows", "kind", "hash"],
        [_cells(one) for one in found],
    )


def _described(found: "Listing") -> dict[str, Any]:
    m = found.manifest
    if m is None:
        return {"name": found.name, "problem": found.problem}
    return {
        "name": found.name,
        "frequency": m.frequency,
        "names": len(m.instruments),
        "first": m.first,
        "last": m.last,
        "rows": m.rows,
        "synthetic": m.synthetic,
        "adjusted": m.adjusted,
        "index": m.index,
        "source": m.source,
        "hash": m.hash,
    }


def _cells(found: "Listing") -> list[Any]:
    m = found.manifest
    if m is None:
        return [found.name, "", "", "", "", "", found.problem, ""]
    kind = "synthetic" if m.synthetic else "adjusted" if m.adjusted else "raw"
    short = m.hash.removeprefix("sha256:")[:8]
    return [found.name, m.frequency, len(m.instruments), m.first, m.last, m.rows, kind, short]


@app.command()
def synth(
    name: NameOption,
    names: Annotated[int, typer.Option(help="How many names.")] = 20,
    years: Annotated[int, typer.Option(help="How many years.")] = 3,
    start: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="First day.")] = datetime(
        2022, 1, 3
    ),
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 1,
    minutes_names: Annotated[
        int, typer.Option(help="Also make NAME-minutes: minutes of so many names.")
    ] = 0,
    minutes_days: Annotated[int, typer.Option(help="... over so many last sessions.")] = 20,
    force: ForceFlag = False,
    as_json: JsonFlag = False,
    config: ConfigOption = None,
) -> None:
    """Make a synthetic market (가상 시장) that obeys the KRX rules. Nothing in it is real."""
    from kisbt.data.store import refuse_existing, save_dataset
    from kisbt.data.synth import SynthSpec, make_market, make_minutes

    folder = settings(config).folder("datasets")
    targets = [name, f"{name}-minutes"] if minutes_names else [name]
    for target in targets:
        refuse_existing(folder / target, force)
    market = make_market(name, SynthSpec(names, years, start.date(), seed))
    made = [market]
    if minutes_names:
        made.append(make_minutes(targets[1], market, minutes_names, minutes_days, seed))
    for dataset in made:
        save_dataset(dataset, folder, force=force)
    _report_made(made, as_json)


def _report_made(made: list["Dataset"], as_json: bool) -> None:
    if as_json:
        emit_json(
            {
                "datasets": [
                    {
                        "name": one.name,
                        "names": len(one.tickers),
                        "first": one.first_day,
                        "last": one.last_day,
                        "rows": one.rows,
                        "hash": one.hash,
                    }
                    for one in made
                ]
            }
        )
        return
    emit_table(
        "",
        ["dataset", "names", "first", "last", "rows", "hash"],
        [
            [one.name, len(one.tickers), one.first_day, one.last_day, one.rows, one.hash[7:15]]
            for one in made
        ],
    )
