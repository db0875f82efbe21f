"""Tables of trades and months for a page."""

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from kisbt.journal.matching import RoundTrip, pair_fills
from kisbt.report.daily import Daily, counted_fills, counted_from
from kisbt.report.markup import Cell, escape, number, table, text
from kisbt.report.wording import Lang, tone, write_figure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kisbt.domain.result import RunResult
    from kisbt.domain.trading import Fill


def names_of(result: "RunResult") -> "Mapping[str, str]":
    """Company names by ticker, where the dataset tells them."""
    names: Any = result.dataset.get("names")
    return names if isinstance(names, dict) else {}


def monthly_returns(series: Daily) -> dict[int, dict[int, float]]:
    """Return of every month by year; a first or last month may be a part of one."""
    found: dict[int, dict[int, float]] = {}
    before = series.net.base
    last: dict[tuple[int, int], float] = {}
    for day, level in zip(series.days, series.net.levels, strict=True):
        last[day.year, day.month] = level
    for (year, month), level in last.items():
        found.setdefault(year, {})[month] = level / before - 1.0 if before > 0 else 0.0
        before = level
    return found


def monthly_table(series: Daily, lang: Lang) -> str:
    """Months by year with the year's own return, coloured by sign and size."""
    months = monthly_returns(series)
    heads = [text("연도" if lang == "ko" else "Year")]
    heads += [
        Cell(f"{m}월" if lang == "ko" else date(2000, m, 1).strftime("%b"), "num")
        for m in range(1, 13)
    ]
    heads.append(Cell("연간" if lang == "ko" else "Year", "num"))
    rows: list[Sequence[Cell]] = []
    for year, returns in months.items():
        whole = 1.0
        for value in returns.values():
            whole *= 1.0 + value
        cells = [_heat(returns.get(month)) for month in range(1, 13)]
        rows.append([text(year), *cells, number(_percent(whole - 1.0), tone(whole - 1.0))])
    return table(heads, rows, classes="months")


def recent_fills(result: "RunResult", lang: Lang, count: int = 12) -> str:
    """The last fills, newest first, each with the justification of its decision."""
    ko = lang == "ko"
    heads = [
        text("거래일" if ko else "Session"),
        text("종목" if ko else "Name"),
        text("구분" if ko else "Side"),
        Cell("수량" if ko else "Shares", "num"),
        Cell("가격" if ko else "Price", "num"),
        Cell("금액" if ko else "Amount", "num"),
        Cell("비용" if ko else "Costs", "num"),
        text("판단 근거" if ko else "Justification"),
    ]
    rows = [_fill_row(fill, result, lang) for fill in reversed(counted_fills(result)[-count:])]
    return table(heads, rows, classes="trades")


def worst_trips(result: "RunResult", lang: Lang, count: int = 10) -> str:
    """The round trips that lost most won, worst first, with both justifications."""
    ko = lang == "ko"
    since = counted_from(result)
    trips = pair_fills(result.fills, result.actions, result.opening).trips
    losers = [trip for trip in trips if trip.closed_at > since and trip.pnl < 0]
    worst = sorted(losers, key=lambda trip: (trip.pnl, trip.closed_at, trip.ticker))[:count]
    if not worst:
        none = "손실로 끝난 왕복 거래가 없습니다." if ko else "No round trip lost."
        return f'<p class="note">{none}</p>'
    heads = [
        text("종목" if ko else "Name"),
        text("산 날 → 판 날" if ko else "Bought → sold"),
        Cell("보유" if ko else "Held", "num"),
        Cell("수량" if ko else "Shares", "num"),
        Cell("손익" if ko else "Result", "num"),
        Cell("수익률" if ko else "Return", "num"),
        text("산 이유 / 판 이유" if ko else "Why bought / why sold"),
    ]
    return table(heads, [_trip_row(trip, result, lang) for trip in worst], classes="trades")


def _percent(value: float) -> str:
    return write_figure(value, "signed", "en").removesuffix("%")


def _heat(value: float | None) -> Cell:
    if value is None:
        return Cell("", "num")
    step = min(4, int(abs(value) / 0.02)) if abs(value) >= 0.0005 else 0
    shade = f" h{step + 1}" if value else ""
    return Cell(escape(_percent(value)), f"num {tone(value)}{shade}".strip())


def _name(ticker: str, result: "RunResult") -> Cell:
    name = names_of(result).get(ticker, "")
    code = f'<span class="code">{escape(ticker)}</span>'
    return Cell(f"{escape(name)} {code}" if name else code, "name")


def _fill_row(fill: "Fill", result: "RunResult", lang: Lang) -> list[Cell]:
    bought = fill.side == "BUY"
    side = {"ko": ("매도", "매수"), "en": ("sell", "buy")}[lang][bought]
    return [
        text(fill.session.isoformat(), "day"),
        _name(fill.ticker, result),
        text(side, "buy" if bought else "sell"),
        number(f"{fill.quantity:,}"),
        number(f"{fill.price:,}"),
        number(f"{fill.amount:,}"),
        number(f"{fill.commission + fill.tax:,}"),
        text(result.reasons.get(fill.ref, "–"), "why"),
    ]


def _trip_row(trip: RoundTrip, result: "RunResult", lang: Lang) -> list[Cell]:
    closed = result.reasons.get(trip.exit_ref, "")
    if trip.exit_ref == "delisting":
        closed = "상장폐지" if lang == "ko" else "delisted"
    return [
        _name(trip.ticker, result),
        text(f"{trip.opened} → {trip.closed}", "day"),
        number(write_figure(trip.holding_days, "days", lang)),
        number(f"{trip.quantity:,}"),
        number(write_figure(trip.pnl, "signed_won", lang), tone(trip.pnl)),
        number(write_figure(trip.pnl_fraction, "signed", lang), tone(trip.pnl)),
        Cell(
            f"{escape(result.reasons.get(trip.entry_ref) or '–')}"
            f'<br><span class="dim">{escape(closed or "–")}</span>',
            "why",
        ),
    ]
