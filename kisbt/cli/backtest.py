"""``kisbt backtest``: replay history and print where the pages are."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kisbt.cli.output import ConfigOption, JsonFlag, emit_json, emit_table, note, settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kisbt.report.wording import Lang
    from kisbt.run.publish import Published

StrategyOption = Annotated[
    str | None,
    typer.Option("--strategy", help="Strategy file (전략 파일). Default: strategies/llm_trader.py"),
]
DataOption = Annotated[
    str | None, typer.Option("--data", help="Dataset name or folder (데이터셋). Default: sample")
]
TickersOption = Annotated[
    str | None, typer.Option("--tickers", help="Only these names, e.g. 005930,000660 (종목코드)")
]
FromOption = Annotated[str | None, typer.Option("--from", help="First day, YYYY-MM-DD")]
ToOption = Annotated[str | None, typer.Option("--to", help="Last day, YYYY-MM-DD")]
CashOption = Annotated[int | None, typer.Option("--cash", help="Starting cash in won (시작 현금)")]


def backtest(
    strategy: StrategyOption = None,
    data: DataOption = None,
    tickers: TickersOption = None,
    first: FromOption = None,
    last: ToOption = None,
    prompt: Annotated[
        list[int] | None,
        typer.Option("--prompt", help="Prompt version (프롬프트 버전); repeat to compare"),
    ] = None,
    cash: CashOption = None,
    benchmark: Annotated[
        str | None, typer.Option("--benchmark", help="index, equal or a ticker (비교 기준)")
    ] = None,
    lang: Annotated[str | None, typer.Option("--lang", help="ko or en: language of pages")] = None,
    config: ConfigOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Replay a strategy over history under Korean market rules (백테스트).

    Without arguments: the synthetic sample, the current prompt, the rulebook decider (no LLM).
    """
    from kisbt.run.command import Order, run_order, with_language

    chosen = with_language(settings(config), lang)
    order = Order(strategy, data, tickers, first, last, tuple(prompt or ()), cash, benchmark)
    published, comparison = run_order(order, chosen, quiet=as_json)
    if as_json:
        emit_json(_as_json(published, comparison))
        return
    emit_table(
        *(_table(published) if len(published) == 1 else _side_by_side(published, chosen.lang))
    )
    for line in published[-1].result.notes:
        note(line)
    for one in published:
        typer.echo(f"tearsheet: {one.tearsheet}")
    if comparison is not None:
        typer.echo(f"comparison: {comparison}")


def _title(published: "Sequence[Published]") -> str:
    result = published[0].result
    data = result.dataset
    kind = "SYNTHETIC 합성 데이터" if data["synthetic"] else data["source"]
    days = f"{data['first']} ~ {data['last']}"
    return f"{result.strategy['name']}: {data['name']} ({kind}), {days}, {result.decider}"


def _side_by_side(
    published: "Sequence[Published]", lang: "Lang"
) -> tuple[str, list[str], list[list[str]]]:
    """All runs over the bars that every one of them counts, as the comparison page has them."""
    from kisbt.report.comparison import comparison_table

    return _title(published), *comparison_table([one.result for one in published], lang)


def _table(published: "Sequence[Published]") -> tuple[str, list[str], list[list[Any]]]:
    (one,) = published
    prompt = one.result.prompt
    columns = ["", "result" if prompt is None else f"prompt {prompt['number']}"]
    return _title(published), columns, [[*pair] for pair in _figures(one).items()]


def _figures(one: "Published") -> dict[str, str]:
    figures, result = one.metrics, one.result
    sharpe = figures["sharpe"]
    costs = figures["commission"] + figures["tax"]
    return {
        "net return (순수익률)": _percent(figures["total_return"]),
        "without costs (비용 전)": _percent(figures["gross_total_return"]),
        f"benchmark ({result.benchmark_label})": _percent(figures["benchmark_return"]),
        "CAGR (연평균)": _percent(figures["cagr"]),
        "Sharpe": "-" if sharpe is None else f"{sharpe:.2f}",
        "max drawdown (최대 낙폭)": _percent(figures["max_drawdown"]),
        "round trips (매매)": f"{figures['round_trips']:,}",
        "win rate (승률)": _percent(figures["win_rate"]).lstrip("+"),
        "fees and tax (수수료·세금)": f"{costs:,} won",
        "warm-up bars left out (준비 기간)": f"{figures['warmup_bars']:,}",
        "illegal fills (규정 위반)": f"{figures['violations']:,}",
        "earlier runs on this data (이전 실행)": f"{result.trials_before:,}",
    }


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:+.2%}"


def _as_json(published: "Sequence[Published]", comparison: Path | None) -> dict[str, Any]:
    return {
        "runs": [
            {
                "run_id": one.result.run_id,
                "decider": one.result.decider,
                "prompt": one.result.prompt,
                "dataset": one.result.dataset,
                "metrics": one.metrics,
                "digests": one.result.digests,
                "violations": list(one.result.violations),
                "notes": list(one.result.notes),
                "tearsheet": str(one.tearsheet),
                "trades": str(one.trades),
                "card": str(one.card),
            }
            for one in published
        ],
        "comparison": None if comparison is None else str(comparison),
    }
