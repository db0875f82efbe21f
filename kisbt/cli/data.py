"""``kisbt data``."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kisbt.cli.output import ConfigOption, JsonFlag, emit_json, emit_table, note, settings

if TYPE_CHECKING:
    from kisbt.data.dataset import Dataset
    from kisbt.data.findings import Finding
    from kisbt.data.importing import ImportReport
    from kisbt.data.store import Listing
    from kisbt.domain.market import Market

app = typer.Typer(
    help="Datasets (데이터셋): list, check, import, synth, fetch.", no_args_is_help=True
)

MOST = 5
"""Findings of one kind that a check prints before it only counts."""

NameOption = Annotated[str, typer.Option("--name", help="Name of the new dataset.")]
MarketOption = Annotated[
    str, typer.Option("--market", help="auto, KOSPI, KOSDAQ or KONEX, for all names.")
]
AdjustedFlag = Annotated[
    bool | None,
    typer.Option("--adjusted/--raw", help="Adjusted (수정주가) or raw prices; default: find out."),
]
NamesFile = Annotated[
    Path | None,
    typer.Option(
        "--names-file",
        help="CSV: ticker,name,market[,product,leverage,sector,listed,delisted,offer_price].",
    ),
]
ActionsFile = Annotated[
    Path | None, typer.Option("--actions", help="CSV of splits (액면분할): ticker,date,ratio.")
]
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
def check(
    what: Annotated[list[str], typer.Argument(help="A dataset's name, or CSV files and folders.")],
    market: MarketOption = "auto",
    adjusted: AdjustedFlag = None,
    names_file: NamesFile = None,
    actions_file: ActionsFile = None,
    everything: Annotated[bool, typer.Option("--all", help="Show what is normal, too.")] = False,
    as_json: JsonFlag = False,
    config: ConfigOption = None,
) -> None:
    """Check a dataset or CSV files (데이터 점검) against the market's rules; exit 1 on errors."""
    from kisbt.data.checks import check_dataset
    from kisbt.data.findings import Severity, errors
    from kisbt.data.importing import check_files
    from kisbt.data.store import MANIFEST_FILE, load_dataset

    folder = settings(config).folder("datasets")
    paths = [Path(one) for one in what]
    is_dataset = len(paths) == 1 and any(
        (path / MANIFEST_FILE).is_file() for path in (folder / what[0], paths[0])
    )
    notes: tuple[str, ...] = ()
    if is_dataset or (len(paths) == 1 and not paths[0].exists()):
        findings = check_dataset(load_dataset(what[0], folder))
    else:
        with _progress("reading", paths) as advance:
            findings, notes = check_files(
                paths,
                market=_market(market),
                adjusted=adjusted,
                names_file=names_file,
                actions_file=actions_file,
                advance=advance,
            )
    counts = {one.value: sum(f.severity is one for f in findings) for one in Severity}
    if as_json:
        emit_json({"counts": counts, "notes": notes, "findings": [f.as_dict() for f in findings]})
    else:
        for line in notes:
            note(line)
        shown = [f for f in findings if everything or f.severity is not Severity.INFO]
        _print_findings(shown, most=None if everything else MOST)
        quiet = len(findings) - len(shown)
        tail = f"; --all shows {quiet} normal ones too" if quiet else ""
        print(f"errors: {counts['error']}, warnings: {counts['warning']}{tail}")
    if errors(findings):
        raise typer.Exit(1)


@app.command("import")
def import_(
    files: Annotated[list[Path], typer.Argument(help="CSV files, or folders of them.")],
    name: NameOption,
    market: MarketOption = "auto",
    adjusted: AdjustedFlag = None,
    names_file: NamesFile = None,
    index: Annotated[
        Path | None, typer.Option("--index", help="CSV of a benchmark index: date, close.")
    ] = None,
    actions_file: ActionsFile = None,
    force: ForceFlag = False,
    as_json: JsonFlag = False,
    config: ConfigOption = None,
) -> None:
    """Import CSV files (CSV 가져오기): pykrx, FinanceDataReader, KRX downloads and the like."""
    from kisbt.data.importing import import_files
    from kisbt.data.store import free_place

    folder = settings(config).folder("datasets")
    free_place(folder, name, force)
    with _progress("reading", files) as advance:
        report = import_files(
            files,
            name,
            market=_market(market),
            adjusted=adjusted,
            names_file=names_file,
            index_file=index,
            actions_file=actions_file,
            advance=advance,
        )
    _keep(report, folder, force, as_json)


@app.command()
def fetch(
    tickers: Annotated[list[str], typer.Argument(help="Codes such as 005930 (종목코드).")],
    name: NameOption,
    first: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First day.")],
    last: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day.")],
    source: Annotated[str, typer.Option(help="pykrx or fdr (FinanceDataReader).")] = "pykrx",
    market: MarketOption = "auto",
    index: Annotated[
        str | None, typer.Option("--index", help="Benchmark to fetch too: KOSPI or KOSDAQ.")
    ] = None,
    force: ForceFlag = False,
    as_json: JsonFlag = False,
    config: ConfigOption = None,
) -> None:
    """Download adjusted daily bars (내려받기) through an optional package; needs the network."""
    from kisbt.data.fetch import fetch as download
    from kisbt.data.store import free_place

    folder = settings(config).folder("datasets")
    free_place(folder, name, force)
    with _progress("downloading", []) as advance:
        report = download(
            tickers,
            first.date(),
            last.date(),
            source,
            name,
            market=_market(market),
            index=index,
            advance=advance,
        )
    _keep(report, folder, force, as_json)


def _market(text: str) -> "Market | None":
    from kisbt.domain.market import Market
    from kisbt.errors import ConfigError

    if text.lower() == "auto":
        return None
    try:
        return Market(text.upper())
    except ValueError as error:
        known = ", ".join(["auto", *Market])
        raise ConfigError(f"unknown --market '{text}'", hint=f"known: {known}") from error


@contextmanager
def _progress(verb: str, paths: list[Path]) -> Iterator[Callable[[str], None]]:
    """A progress bar on stderr, on a terminal only."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    total = None if not paths or any(path.is_dir() for path in paths) else len(paths)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(verb, total=total)
        yield lambda label: bar.update(task, advance=1, description=f"{verb} {label}")


def _keep(report: "ImportReport", folder: Path, force: bool, as_json: bool) -> None:
    """Save what was imported, and say what was changed, assumed and found odd."""
    from kisbt.data.checks import check_dataset
    from kisbt.data.findings import Severity, errors
    from kisbt.data.store import save_dataset

    dataset = report.dataset
    path = save_dataset(dataset, folder, force=force)
    found = check_dataset(dataset)
    wrong = len(errors(found))
    if as_json:
        emit_json(
            {
                "dataset": _summary(dataset),
                "path": str(path),
                "changes": [one.as_dict() for one in report.findings],
                "notes": report.notes,
                "skipped": report.skipped,
                "errors": wrong,
                "warnings": sum(one.severity is Severity.WARNING for one in found),
            }
        )
        return
    if report.skipped:
        note(f"left aside: {', '.join(report.skipped)}")
    for line in report.notes:
        note(line)
    _print_findings(list(report.findings), most=MOST)
    _report_made([dataset], as_json=False)
    if wrong:
        note(f"errors in the data: {wrong}; kisbt data check {dataset.name} names them")


def _print_findings(findings: list["Finding"], *, most: int | None) -> None:
    """One line a finding, at most ``most`` of a kind."""
    shown: Counter[tuple[str, str]] = Counter()
    for f in findings:
        shown[f.severity, f.kind] += 1
        if most is None or shown[f.severity, f.kind] <= most:
            print(f"{f.severity:<8}{f.ticker}  {f.kind}: {f.detail} -> {f.proposal}")
    for (severity, kind), count in shown.items():
        if most is not None and count > most:
            print(f"{severity:<8}{kind}: {count - most} more; --json or --all lists them")


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
    from kisbt.data.store import free_place, save_dataset
    from kisbt.data.synth import SynthSpec, make_market, make_minutes

    folder = settings(config).folder("datasets")
    targets = [name, f"{name}-minutes"] if minutes_names else [name]
    for target in targets:
        free_place(folder, target, force)
    market = make_market(name, SynthSpec(names, years, start.date(), seed))
    made = [market]
    if minutes_names:
        made.append(make_minutes(targets[1], market, minutes_names, minutes_days, seed))
    for dataset in made:
        save_dataset(dataset, folder, force=force)
    _report_made(made, as_json)


def _summary(one: "Dataset") -> dict[str, Any]:
    return {
        "name": one.name,
        "names": len(one.tickers),
        "first": one.first_day,
        "last": one.last_day,
        "rows": one.rows,
        "hash": one.hash,
    }


def _report_made(made: list["Dataset"], as_json: bool) -> None:
    if as_json:
        emit_json({"datasets": [_summary(one) for one in made]})
        return
    emit_table(
        "",
        ["dataset", "names", "first", "last", "rows", "hash"],
        [
            [one.name, len(one.tickers), one.first_day, one.last_day, one.rows, one.hash[7:15]]
            for one in made
        ],
    )
