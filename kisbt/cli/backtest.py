"""``kisbt backtest``: replay history and print where the pages are."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from kisbt.cli.output import ConfigOption, JsonFlag, emit_json, emit_table, note, settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kisbt.report.wording import Lang
    from kisbt.run.command import Outcome
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
    llm: Annotated[
        Literal["rulebook", "openai", "replay"],
        typer.Option("--llm", help="Who decides: no model, a model, or its recorded replies"),
    ] = "rulebook",
    model: Annotated[
        str | None, typer.Option("--model", help="Model name (모델), e.g. gpt-4.1-mini")
    ] = None,
    base_url: Annotated[
        str | None,
        typer.Option("--base-url", help="OpenAI-compatible server, e.g. http://localhost:11434/v1"),
    ] = None,
    draws: Annotated[
        int | None, typer.Option("--draws", min=1, max=99, help="Draws a decision (반복 추출)")
    ] = None,
    no_blind: Annotated[
        bool, typer.Option("--no-blind", help="Show names and prices to the model (비권장)")
    ] = False,
    charge_llm_cost: Annotated[
        bool, typer.Option("--charge-llm-cost", help="Take the model's cost off the result")
    ] = False,
    budget_krw: Annotated[
        float | None, typer.Option("--budget-krw", help="Stop when this many won are spent (예산)")
    ] = None,
    budget_calls: Annotated[
        int | None, typer.Option("--budget-calls", help="Stop after this many calls (호출 예산)")
    ] = None,
    folds: Annotated[
        int, typer.Option("--folds", min=1, help="Cut the period into K windows (구간)")
    ] = 1,
    seeds: Annotated[
        int, typer.Option("--seeds", min=1, help="Repeat with N seeds of the model (시드)")
    ] = 1,
    leave_one_out: Annotated[
        bool, typer.Option("--leave-one-out", help="Also replay without each rule (규칙 효과)")
    ] = False,
    jobs: Annotated[
        int | None, typer.Option("--jobs", min=1, help="Replays at a time (동시 실행 수)")
    ] = None,
    engine: Annotated[
        Literal["local", "dask", "ray"],
        typer.Option("--engine", help="Where replays are computed"),
    ] = "local",
    cluster: Annotated[
        str | None, typer.Option("--cluster", help="Address of the Dask or Ray cluster")
    ] = None,
    lang: Annotated[str | None, typer.Option("--lang", help="ko or en: language of pages")] = None,
    config: ConfigOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Replay a strategy over history under Korean market rules (백테스트).

    Without arguments: the synthetic sample, the current prompt, the rulebook decider (no LLM).
    """
    from kisbt.run.command import run_order
    from kisbt.run.order import Order, with_language

    chosen = with_language(settings(config), lang)
    order = Order(
        strategy,
        data,
        tickers,
        first,
        last,
        tuple(prompt or ()),
        cash,
        benchmark,
        seeds=seeds,
        folds=folds,
        leave_one_out=leave_one_out,
        jobs=jobs,
        engine=engine,
        cluster=cluster,
        llm=llm,
        model=model,
        base_url=base_url,
        draws=draws,
        blind=not no_blind,
        charge_llm_cost=charge_llm_cost,
        budget_krw=budget_krw,
        budget_calls=budget_calls,
    )
    outcome = run_order(order, chosen, quiet=as_json)
    for line in outcome.said:
        note(line)
    if as_json:
        emit_json(_as_json(outcome, chosen.lang))
        return
    published = outcome.published
    if outcome.contest is None:
        emit_table(*_table(published))
    else:
        _print_comparison(outcome, chosen.lang)
    for line in published[-1].result.notes:
        note(line)
    for one in published:
        if one.tearsheet is not None:
            typer.echo(f"tearsheet: {one.tearsheet}")
    if outcome.comparison is not None:
        typer.echo(f"comparison: {outcome.comparison}")


def _title(published: "Sequence[Published]") -> str:
    result, last = published[0].result, published[-1].result
    data = result.dataset
    kind = "SYNTHETIC 합성 데이터" if data["synthetic"] else data["source"]
    days = f"{data['first']} ~ {last.dataset['last']}"
    return f"{result.strategy['name']}: {data['name']} ({kind}), {days}, {result.decider}"


def _print_comparison(outcome: "Outcome", lang: "Lang") -> None:
    """All versions over the bars that every one of them counts, and what the tests say."""
    from kisbt.report.comparison import comparison_table
    from kisbt.report.comparison_tables import effect_lines
    from kisbt.report.verdict_words import method, sentences

    contest, judged = outcome.contest, outcome.judged
    assert contest is not None
    emit_table(_title(outcome.published), *comparison_table(contest, lang, outcome.trials))
    for line in sentences(contest, judged, lang):
        typer.echo(line)
    if judged is None:
        return
    if judged.rules:
        emit_table("", *effect_lines(contest, judged, lang))
    if judged.verdicts:
        note(method(contest, judged, outcome.trials, lang))


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


def _as_json(outcome: "Outcome", lang: "Lang") -> dict[str, Any]:
    comparison = outcome.comparison
    return {
        "runs": [
            {
                "run_id": one.result.run_id,
                "decider": one.result.decider,
                "prompt": one.result.prompt,
                "dataset": one.result.dataset,
                "metrics": one.metrics,
                "digests": one.result.digests,
                "llm": one.result.llm,
                "violations": list(one.result.violations),
                "notes": list(one.result.notes),
                "spec": one.result.spec,
                "tearsheet": None if one.tearsheet is None else str(one.tearsheet),
                "trades": str(one.trades),
                "card": str(one.card),
            }
            for one in outcome.published
        ],
        "comparison": None if comparison is None else str(comparison),
        "verdicts": _verdicts(outcome, lang),
    }


def _verdicts(outcome: "Outcome", lang: "Lang") -> dict[str, Any] | None:
    from kisbt.report.verdict_words import sentences

    contest, judged = outcome.contest, outcome.judged
    if contest is None or judged is None:
        return None
    names = [entry.name for entry in contest.entries]
    return {
        "against": names[0],
        "trials": outcome.trials.tried,
        "block": judged.block,
        "blocks": judged.blocks,
        "max_t_p": None if judged.best is None else judged.best.p,
        "spa_p": judged.spa,
        "versions": [
            {"name": name, **verdict._asdict(), "mean": verdict.mean._asdict()}
            for name, verdict in zip(names[1:], judged.verdicts, strict=True)
        ],
        "rules": [
            {**effect._asdict(), "entry": names[effect.entry], "mean": effect.mean._asdict()}
            for effect in judged.rules
        ],
        "noise": [
            {
                "entry": names[noise.entry],
                "spread": noise.spread,
                **noise.split._asdict(),
                "model_share": noise.split.model_share,
            }
            for noise in judged.noise
        ],
        "words": sentences(contest, judged, lang),
    }
