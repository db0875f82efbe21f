"""The tables of the comparison page."""

from collections.abc import Sequence

from kisbt.report.contest import Contest
from kisbt.report.markup import Cell, escape, number, section, table, text
from kisbt.report.standings import Standing
from kisbt.report.verdict_words import chance, points, word_of
from kisbt.report.verdicts import Judged
from kisbt.report.wording import BLANK, Lang, tone, write_figure


def verdict_table(contest: Contest, judged: Judged, lang: Lang) -> str:
    """One row a later version: its verdict, difference, interval and p-values."""
    ko = lang == "ko"
    heads = (
        ("판", "판정", "하루 차이 (bp)", "95 % 구간", "정보비율 (연)", "p (+)", "p (−)", "다른 날",
         "더 필요한 거래일")
        if ko
        else ("Version", "Verdict", "A day (bp)", "95 % interval", "IR (ann.)", "p (+)", "p (−)",
              "Days that differ", "Sessions missing")
    )  # fmt: skip
    rows = []
    for verdict, entry in zip(judged.verdicts, contest.entries[1:], strict=True):
        mean = verdict.mean
        word = word_of(verdict, lang)
        left = verdict.days_missing
        never = "없음 (끝없이)" if ko else "no end"
        rows.append(
            [
                text(entry.name),
                Cell(f"<b>{escape(word)}</b>"),
                number(points(mean.estimate)),
                number(f"{points(mean.low)} ~ {points(mean.high)}"),
                number(write_figure(verdict.ir, "ratio", lang)),
                number(chance(verdict.p_better)),
                number(chance(verdict.p_worse)),
                number(f"{verdict.differs:,}"),
                number(
                    BLANK if verdict.word != "undecided" else never if left is None else f"{left:,}"
                ),
            ]
        )
    columns = [text(head, "num" if n > 1 else "") for n, head in enumerate(heads)]
    against = f"기준: {contest.entries[0].name}" if ko else f"Against: {contest.entries[0].name}"
    return table(columns, rows, caption=against)


def standings_table(contest: Contest, rows: Sequence[Standing], lang: Lang) -> str:
    """One row a figure, one column a version."""
    heads = [text("지표" if lang == "ko" else "Figure")]
    heads += [Cell(escape(entry.name), "num wrap") for entry in contest.entries]
    return table(
        heads,
        [[text(row.name(lang)), *(number(value) for value in row.written(lang))] for row in rows],
    )


def folds_section(contest: Contest, lang: Lang) -> str:
    """Returns of each version in each window; empty when there is one window."""
    if contest.folds < 2:
        return ""
    ko = lang == "ko"
    heads = [text("구간" if ko else "Window")]
    heads += [Cell(escape(entry.name), "num wrap") for entry in contest.entries]
    rows = []
    for fold in range(contest.folds):
        days = contest.series[0][0][fold].days
        cells = [text(f"{days[0]} ~ {days[-1]}" if days else BLANK)]
        for seeds in contest.series:
            ends = [folds[fold].net.growth()[-1] for folds in seeds if folds[fold].days]
            mean = sum(ends) / len(ends) if ends else None
            cells.append(number(write_figure(mean, "signed", lang), tone(mean)))
        rows.append(cells)
    note = (
        "구간마다 시작 현금으로 새로 시작합니다. 지표는 구간 앞의 봉으로 미리 계산합니다."
        if ko
        else "Each window begins with the starting cash; features know the bars before it."
    )
    return section("구간별 수익률" if ko else "Returns by window", table(heads, rows), note=note)


def rules_section(contest: Contest, judged: Judged, lang: Lang) -> str:
    """What each rule did, by leaving it out; empty when none was left out."""
    if not judged.rules:
        return ""
    ko = lang == "ko"
    heads = (
        ("판", "규칙", "하루 효과 (bp)", "95 % 구간", "다른 날", "근거")
        if ko
        else ("Version", "Rule", "Effect a day (bp)", "95 % interval", "Days that differ", "Why")
    )
    rows = []
    for effect in judged.rules:
        mean = effect.mean
        clear = mean.low > 0 or mean.high < 0
        rows.append(
            [
                text(contest.entries[effect.entry].name),
                text(effect.rule, "day"),
                number(points(mean.estimate), tone(mean.estimate) if clear else ""),
                number(f"{points(mean.low)} ~ {points(mean.high)}"),
                number(f"{effect.differs:,}"),
                text(effect.because),
            ]
        )
    columns = [text(head, "num" if n in (2, 3, 4) else "") for n, head in enumerate(heads)]
    note = (
        "규칙이 있을 때에서 없을 때를 뺀 값입니다. 구간이 0을 품으면 효과를 말할 수 없습니다. "
        "규칙마다 따로 본 구간이라 여럿 가운데 하나쯤은 우연히 0을 벗어납니다."
        if ko
        else "With the rule minus without it. An interval that holds 0 says nothing; intervals "
        "are for one rule each, so among many some leave 0 by luck."
    )
    if any(run.llm for run in contest.entries[0].flat):
        note += (
            " LLM 판에서는 프롬프트의 글은 그대로 두고 4번 노드의 강제만 뺐습니다."
            if ko
            else " With a model the rule stays in the prompt: only node 4 stops enforcing it."
        )
    title = "규칙을 하나씩 빼면" if ko else "Leaving one rule out"
    return section(title, table(columns, rows), note=note)


def effect_lines(contest: Contest, judged: Judged, lang: Lang) -> tuple[list[str], list[list[str]]]:
    """The effects of rules, as columns and rows for a terminal."""
    ko = lang == "ko"
    columns = ["판", "규칙", "하루 효과 (bp)", "95 % 구간", "다른 날"]
    if not ko:
        columns = ["Version", "Rule", "Effect a day (bp)", "95 % interval", "Days that differ"]
    return columns, [
        [
            contest.entries[effect.entry].name,
            effect.rule,
            points(effect.mean.estimate),
            f"{points(effect.mean.low)} ~ {points(effect.mean.high)}",
            f"{effect.differs:,}",
        ]
        for effect in judged.rules
    ]


def noise_section(contest: Contest, judged: Judged, lang: Lang) -> str:
    """How much of the result the model's own noise makes; empty without seeds."""
    if not judged.noise:
        return ""
    ko = lang == "ko"
    heads = (
        ("판", "시드", "수익률의 시드 간 표준편차", "시장 몫", "모델 몫", "충분한 시드 수")
        if ko
        else ("Version", "Seeds", "Spread of return over seeds", "Market's part", "Model's part",
              "Seeds that are enough")
    )  # fmt: skip
    rows = [
        [
            text(contest.entries[noise.entry].name),
            number(f"{noise.split.seeds}"),
            number(write_figure(noise.spread, "fraction", lang)),
            number(write_figure(1.0 - noise.split.model_share, "fraction", lang)),
            number(write_figure(noise.split.model_share, "fraction", lang)),
            number(f"{noise.split.enough_seeds:,}"),
        ]
        for noise in judged.noise
    ]
    columns = [text(head, "num" if n else "") for n, head in enumerate(heads)]
    note = (
        "시드를 평균한 일평균 수익률의 분산을 시장과 모델의 몫으로 나눈 추정입니다. 충분한 수보다 "
        "시드를 늘려도 남는 것은 시장의 몫이라 날을 늘려야 줄어듭니다."
        if ko
        else "An estimate: the variance of the mean daily return over all seeds, split in two. "
        "Beyond enough seeds the market's part is what is left, and only more days shrink it."
    )
    title = "모델의 흔들림" if ko else "Noise of the model"
    return section(title, table(columns, rows), note=note)
