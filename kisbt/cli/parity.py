"""``kisbt parity``: the backtest and the live path, compared bar by bar."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from kisbt.cli.backtest import CashOption, DataOption, StrategyOption, TickersOption
from kisbt.cli.output import ConfigOption, JsonFlag, emit_json, emit_table, note, settings

if TYPE_CHECKING:
    from kisbt.run.parity import Parity


def parity(
    strategy: StrategyOption = None,
    data: DataOption = None,
    tickers: TickersOption = None,
    days: Annotated[int, typer.Option("--days", min=1, help="Last sessions of the data.")] = 60,
    prompt: Annotated[int | None, typer.Option("--prompt", help="Prompt version")] = None,
    cash: CashOption = None,
    llm: Annotated[
        Literal["rulebook", "openai", "replay"],
        typer.Option("--llm", help="Who decides in the backtest; the live side replays."),
    ] = "rulebook",
    model: Annotated[str | None, typer.Option("--model", help="Model name (모델)")] = None,
    base_url: Annotated[
        str | None, typer.Option("--base-url", help="OpenAI-compatible server of the model.")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Run one strategy twice, as a backtest and through the KIS client on the simulator (동일성).

    Every decision, verdict, order, fill, cost and every won of cash and equity must be equal.
    Exit 1 at the first difference, which is named.
    """
    from kisbt.run.order import Order, specs_of, with_llm
    from kisbt.run.parity import run_parity

    order = Order(
        strategy=strategy,
        data=data,
        tickers=tickers,
        prompts=() if prompt is None else (prompt,),
        cash=cash,
        llm=llm,
        model=model,
        base_url=base_url,
    )
    chosen = with_llm(order, settings(config))
    (spec,) = specs_of(order, chosen)
    told = (lambda _line: None) if as_json else note
    found = run_parity(spec, chosen, days=days, step=told)
    if as_json:
        emit_json(_plain(found))
    else:
        _show(found)
    if found.difference is not None:
        raise typer.Exit(1)


def _show(found: "Parity") -> None:
    rows = [
        [each.stream, each.backtest, each.live, each.equal, _share(each.equal, each.backtest)]
        for each in found.streams
    ]
    title = f"{found.strategy} · {found.first} – {found.last} · {found.names} names"
    emit_table(title, ("stream", "backtest", "simulator", "equal", ""), rows)
    typer.echo(f"journal: runs {found.backtest} and {found.live} in {found.journal}")
    if found.difference is None:
        typer.echo("equal: the strategy did the same in both (동일)")
    else:
        typer.echo(f"DIFFERENT: {found.difference}")


def _share(equal: int, of: int) -> str:
    return f"{equal / of:.1%}" if of else "-"


def _plain(found: "Parity") -> dict[str, Any]:
    return {
        **found._asdict(),
        "streams": [
            {**each._asdict(), "first": each.first and each.first._asdict()}
            for each in found.streams
        ],
        "equal": found.difference is None,
        "difference": found.difference and str(found.difference),
    }
