"""What a page says, in Korean (the default) and in English, and how figures are written."""

from datetime import date
from typing import Literal, NamedTuple

from kisbt.report.metrics import Figure

Lang = Literal["ko", "en"]

Kind = Literal["text", "day", "fraction", "signed", "ratio", "won", "signed_won", "count", "days"]
"""How a figure is written: ``fraction`` and ``signed`` are percent, the latter with its sign."""


class Label(NamedTuple):
    """Name of a figure in both languages and its kind."""

    ko: str
    en: str
    kind: Kind


LABELS: dict[str, Label] = {
    "first_day": Label("첫 거래일", "First session", "day"),
    "last_day": Label("마지막 거래일", "Last session", "day"),
    "sessions": Label("거래일 수", "Sessions", "count"),
    "warmup_bars": Label("제외한 준비 봉", "Warm-up bars left out", "count"),
    "start_equity": Label("시작 자산", "Start equity", "won"),
    "end_equity": Label("최종 자산", "End equity", "won"),
    "total_return": Label("누적 수익률", "Total return", "signed"),
    "cagr": Label("연환산 수익률 (CAGR)", "CAGR", "signed"),
    "annual_volatility": Label("연 변동성", "Volatility (ann.)", "fraction"),
    "sharpe": Label("Sharpe", "Sharpe", "ratio"),
    "sortino": Label("Sortino", "Sortino", "ratio"),
    "max_drawdown": Label("최대 낙폭 (MDD)", "Max drawdown", "signed"),
    "max_drawdown_days": Label("최대 낙폭 기간", "Max drawdown length", "days"),
    "max_drawdown_recovered": Label("낙폭 회복", "Drawdown recovered", "text"),
    "calmar": Label("Calmar", "Calmar", "ratio"),
    "best_day": Label("가장 좋았던 날", "Best day", "signed"),
    "worst_day": Label("가장 나빴던 날", "Worst day", "signed"),
    "exposure_mean": Label("평균 투자 비중", "Mean exposure", "fraction"),
    "turnover_annual": Label("연 회전율 (편도)", "Turnover a year (one way)", "fraction"),
    "fills": Label("체결 수", "Fills", "count"),
    "round_trips": Label("왕복 거래 수", "Round trips", "count"),
    "win_rate": Label("승률", "Win rate", "fraction"),
    "profit_factor": Label("프로핏 팩터 (총이익/총손실)", "Profit factor", "ratio"),
    "mean_holding_days": Label("평균 보유 기간", "Mean holding time", "days"),
    "realised_pnl": Label("실현 손익", "Realised result", "signed_won"),
    "unrealised_pnl": Label("평가 손익", "Unrealised result", "signed_won"),
    "commission": Label("수수료", "Commission", "won"),
    "tax": Label("거래세", "Tax", "won"),
    "gross_end_equity": Label("무비용 최종 자산", "Zero-cost end equity", "won"),
    "gross_total_return": Label("무비용 누적 수익률", "Zero-cost total return", "signed"),
    "cost_drag": Label("비용이 깎은 수익률", "Cost drag", "fraction"),
    "cost_drag_won": Label("비용이 깎은 금액", "Cost drag, won", "won"),
    "benchmark_return": Label("벤치마크 수익률", "Benchmark return", "signed"),
    "benchmark_max_drawdown": Label("벤치마크 최대 낙폭", "Benchmark max drawdown", "signed"),
    "excess_return": Label("초과 수익률", "Excess return", "signed"),
    "beta": Label("베타", "Beta", "ratio"),
    "alpha": Label("알파 (연)", "Alpha (ann.)", "signed"),
    "correlation": Label("상관계수", "Correlation", "ratio"),
    "max_exposure": Label("최대 투자 비중 (전체)", "Largest exposure (whole run)", "fraction"),
    "max_concentration": Label("최대 종목 비중 (전체)", "Largest position (whole run)", "fraction"),
    "worst_daily_loss": Label("최대 일일 손실 (전체)", "Worst daily loss (whole run)", "fraction"),
    "worst_weekly_loss": Label(
        "최대 주간 손실 (전체)", "Worst weekly loss (whole run)", "fraction"
    ),
    "max_turnover": Label(
        "최대 하루 회전율 (전체)", "Largest turnover of a bar (whole run)", "fraction"
    ),
    "bars_beyond_limits": Label(
        "가격이 한도를 넘긴 봉 (전체)", "Bars carried past a limit (whole run)", "count"
    ),
    "ticks": Label("판단 시점 (전체)", "Decision bars (whole run)", "count"),
    "decisions": Label("판단 수 (전체)", "Decisions (whole run)", "count"),
    "rejected": Label("거부된 판단 (전체)", "Rejected decisions (whole run)", "count"),
    "rejected_share": Label("거부 비율 (전체)", "Rejected share (whole run)", "fraction"),
    "holds": Label("관망으로 끝난 시점 (전체)", "Bars ended in hold (whole run)", "count"),
    "violations": Label("규정 위반", "Legality violations", "count"),
}

_ENGLISH = {
    "동일 비중 매수 후 보유": "equal weight, bought and held",
    "전략 파일 (LLM 없음)": "strategy file (no LLM)",
}
"""Labels that a run carries in Korean whatever the page's language."""

BLANK = "–"
"""What a figure without a value looks like."""


def label_of(key: str, lang: Lang) -> str:
    """Name of a figure of ``compute_metrics``."""
    label = LABELS[key]
    return label.ko if lang == "ko" else label.en


def in_words(label: str, lang: Lang) -> str:
    """A label of the run itself, in the page's language where it is a known one."""
    return label if lang == "ko" else _ENGLISH.get(label, label)


def say(key: str, value: Figure, lang: Lang) -> str:
    """Write a figure of ``compute_metrics`` for people, unit included."""
    return write_figure(value, LABELS[key].kind, lang)


def write_figure(value: Figure, kind: Kind, lang: Lang) -> str:
    """Write one figure; ``None`` is a dash. A true minus sign stands before negative ones."""
    if value is None:
        return BLANK
    if isinstance(value, bool):
        return {"ko": ("아니요", "예"), "en": ("no", "yes")}[lang][value]
    if isinstance(value, str) or kind in ("text", "day"):
        return str(value)
    text = {
        "fraction": f"{value * 100:,.2f}%",
        "signed": f"{value * 100:+,.2f}%",
        "ratio": f"{value:,.2f}",
        "won": f"{value:,.0f}원" if lang == "ko" else f"₩{value:,.0f}",
        "signed_won": f"{value:+,.0f}원" if lang == "ko" else f"{value:+,.0f} won",
        "count": f"{value:,.0f}",
        "days": f"{value:,.0f}일" if lang == "ko" else f"{value:,.0f} d",
    }[kind]
    if not any(digit in text for digit in "123456789"):
        text = text.lstrip("+-")  # a rounded zero has no sign
    return text.replace("-", "−")


def write_day(day: date | None) -> str:
    """Write a date; ``None`` is a dash."""
    return day.isoformat() if day else BLANK


def tone(value: Figure) -> str:
    """CSS class of a gain or a loss; empty for neither."""
    if not isinstance(value, int | float) or isinstance(value, bool) or value == 0:
        return ""
    return "gain" if value > 0 else "loss"
