"""``kisbt lookahead`` and ``kisbt verify``: does a strategy peek, and does a card hold."""

from pathlib import Path
from typing import Annotated

import typer

from kisbt.cli.backtest import (
    CashOption,
    DataOption,
    FromOption,
    StrategyOption,
    TickersOption,
    ToOption,
)
from kisbt.cli.output import ConfigOption, JsonFlag, emit_json, emit_table, settings


def lookahead(
    strategy: StrategyOption = None,
    data: DataOption = None,
    tickers: TickersOption = None,
    first: FromOption = None,
    last: ToOption = None,
    cash: CashOption = None,
    prompt: Annotated[int | None, typer.Option("--prompt", help="Prompt version")] = None,
    cuts: Annotated[int, typer.Option("--cuts", min=1, help="Points in time to test")] = 8,
    seed: Annotated[int, typer.Option("--seed", help="Draws the points and the futures")] = 0,
    config: ConfigOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Change all bars after a point; nothing before it may change (미래 참조 검사)."""
    from kisbt.run.lookahead import look_ahead
    from kisbt.run.order import Order, specs_of
    from kisbt.run.progress import progress_bar

    chosen = settings(config)
    prompts = () if prompt is None else (prompt,)
    order = Order(strategy, data, tickers, first, last, prompts, cash)
    (spec,) = specs_of(order, chosen)
    with progress_bar("lookahead", cuts, quiet=as_json) as advance:
        outcome = look_ahead(spec, chosen, cuts=cuts, seed=seed, progress=advance)
    if as_json:
        emit_json({"cuts": outcome.cuts, "peeks": [peek._asdict() for peek in outcome.peeks]})
    elif outcome.peeks:
        rows = [list(peek) for peek in outcome.peeks]
        emit_table("LOOKAHEAD FOUND", ("cut after", "differs at", "what", "true", "changed"), rows)
    else:
        typer.echo(f"no lookahead: {outcome.cuts} futures changed, nothing before them did")
    if outcome.peeks:
        raise typer.Exit(1)


def verify(
    card: Annotated[Path, typer.Argument(help="A run's card.json (실행 카드)")],
    config: ConfigOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Recompute a run from its card, byte for byte (재현 검증). Exit 1 when it differs."""
    from kisbt.run.progress import progress_bar
    from kisbt.run.verify import verify_card

    with progress_bar("verify", quiet=as_json) as advance:
        found = verify_card(card, settings(config), progress=advance)
    if as_json:
        emit_json({"run_id": found.run_id, "differences": list(found.differences)})
    elif found.differences:
        emit_table(f"{found.run_id} DIFFERS", ("field",), [[line] for line in found.differences])
    else:
        typer.echo(f"{found.run_id} verified: every hash and figure is the same")
    if found.differences:
        raise typer.Exit(1)
