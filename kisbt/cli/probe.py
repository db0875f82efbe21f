"""``kisbt probe``: how much of the past a model remembers."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from kisbt.cli.backtest import DataOption, FromOption, TickersOption, ToOption
from kisbt.cli.output import ConfigOption, JsonFlag, emit_json, emit_table, settings

if TYPE_CHECKING:
    from kisbt.llm.probe import ProbeReport


def probe(
    model: Annotated[str | None, typer.Option("--model", help="Model name (모델)")] = None,
    data: DataOption = None,
    tickers: TickersOption = None,
    first: FromOption = None,
    last: ToOption = None,
    questions: Annotated[
        int, typer.Option("--questions", min=2, max=5000, help="Questions of each kind (질문 수)")
    ] = 100,
    seed: Annotated[int, typer.Option("--seed", help="Draws the questions (시드)")] = 0,
    base_url: Annotated[
        str | None, typer.Option("--base-url", help="OpenAI-compatible server (서버 주소)")
    ] = None,
    llm: Annotated[
        Literal["openai", "replay"],
        typer.Option("--llm", help="openai: ask and record; replay: recorded answers only"),
    ] = "openai",
    lang: Annotated[str | None, typer.Option("--lang", help="ko or en")] = None,
    config: ConfigOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Ask a model for past prices without giving it any data (기억 시험).

    Says with confidence intervals whether a backtest of that period can be believed, and until
    when the model remembers. Answers are recorded: the same command goes on where it stopped.
    """
    from kisbt.run.order import with_language
    from kisbt.run.probe import ProbeOrder, probe_model
    from kisbt.run.progress import progress_bar

    chosen = with_language(settings(config), lang)
    order = ProbeOrder(model, data, tickers, first, last, questions, seed, base_url, llm)
    with progress_bar("probe", 3 * questions, quiet=as_json) as advance:
        report = probe_model(order, chosen, progress=advance)
    if as_json:
        emit_json(_as_json(report))
        return
    from kisbt.llm.probe_words import COLUMNS, rows, title, verdict_lines

    emit_table(title(report, chosen.lang), COLUMNS[chosen.lang], rows(report, chosen.lang))
    for line in verdict_lines(report, chosen.lang):
        typer.echo(line)


def _as_json(report: "ProbeReport") -> dict[str, Any]:
    from kisbt.llm.probe_words import verdict_lines

    body = report._asdict()
    for name in ("direction", "masked", "horizon"):
        body[name] = body[name]._asdict()
    body["closes"] = report.closes._asdict() | {"day": report.closes.day._asdict()}
    body["months"] = [month._asdict() for month in report.months]
    body["masking"] = dict(zip(("low", "estimate", "high"), report.masking, strict=True))
    body["words"] = {"ko": verdict_lines(report, "ko"), "en": verdict_lines(report, "en")}
    return body
