"""The page of one live trading day: the account, what was decided, sent, filled, and said."""

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple

from kisbt.domain.trading import Fill, OrderEvent, OrderState
from kisbt.report.markup import Cell, escape, number, page, section, table, text
from kisbt.report.wording import Lang
from kisbt.report.writing import write_whole


class DayDecision(NamedTuple):
    """One decision, node 4's answer, and the decider's own words."""

    at: datetime
    ticker: str
    action: str
    outcome: str
    quantity: int
    reason: str
    why: str


class DayPosition(NamedTuple):
    """One position at the close; ``average`` and ``close`` are won a share."""

    ticker: str
    quantity: int
    average: float
    close: int


class LiveDay(NamedTuple):
    """Everything of one day. Won; times are the venue's, naive KST.

    ``orders`` holds the last event of each order of the session. ``extra`` are more titled tables
    of text, such as a day's drift.
    """

    run_id: str
    session: date
    where: str
    strategy: str
    decider: str
    prompt: int | None
    before: int
    equity: int
    cash: int
    mode: str
    names: dict[str, str]
    positions: Sequence[DayPosition]
    decisions: Sequence[DayDecision]
    orders: Sequence[OrderEvent]
    fills: Sequence[Fill]
    alerts: Sequence[tuple[datetime, str, str]]
    extra: Sequence[tuple[str, Sequence[Sequence[str]]]] = ()

    @property
    def result(self) -> float:
        """The day's change of equity, as a fraction of the equity before it."""
        return self.equity / self.before - 1.0 if self.before else 0.0


def write_live_day(day: LiveDay, path: Path, lang: Lang = "ko") -> Path:
    """Write the page of a day: one HTML file that fetches nothing.

    Raises:
        ConfigError: the folder cannot be written.
    """
    return write_whole(path, render_live_day(day, lang))


def day_line(day: LiveDay, lang: Lang = "ko") -> str:
    """The day in one line."""
    filled = sum(fill.amount for fill in day.fills)
    if lang == "en":
        return (
            f"{day.session}: equity {day.equity:,} won ({day.result:+.2%}), "
            f"{len(day.decisions)} decisions, {len(day.orders)} orders, {len(day.fills)} fills "
            f"worth {filled:,} won"
        )
    return (
        f"{day.session} 마감: 평가금액 {day.equity:,}원 ({day.result:+.2%}), "
        f"결정 {len(day.decisions)}건, 주문 {len(day.orders)}건, "
        f"체결 {len(day.fills)}건 {filled:,}원"
    )


def render_live_day(day: LiveDay, lang: Lang = "ko") -> bytes:
    """The page as bytes."""
    title = "하루 기록" if lang == "ko" else "Day report"
    body = [
        f'<header><p class="brand">kisbt · {title}</p>'
        f"<h1>{day.session} <small>{escape(day.where)}</small></h1>"
        f'<p class="sub">{escape(day_line(day, lang))}</p></header>',
        _block(lang, "계좌|Account", "항목|item, 값|value", _account(day, lang)),
        _block(lang, "보유|Positions", _POSITIONS, [
            (text(_name(day, p.ticker)), number(f"{p.quantity:,}"), number(f"{p.average:,.0f}"),
             number(f"{p.close:,}"), number(f"{p.close * p.quantity:,}"))
            for p in day.positions
        ]),
        _block(lang, "결정과 판정|Decisions", _DECISIONS, [
            (text(f"{d.at:%H:%M}"), text(_name(day, d.ticker)), text(d.action), text(d.outcome),
             number(f"{d.quantity:,}"), text(d.reason), text(d.why))
            for d in day.decisions
        ]),
        _block(lang, "주문|Orders", _ORDERS, [
            (text(o.ref), text(_name(day, o.ticker)), text(o.side.value),
             number(f"{o.quantity:,}"), number(f"{o.limit_price:,}" if o.limit_price else "-"),
             number(f"{o.filled:,}"), text(o.state.value, _tone(o.state)), text(o.reason))
            for o in day.orders
        ]),
        _block(lang, "체결|Fills", _FILLS, [
            (text(f"{f.at:%H:%M:%S}"), text(_name(day, f.ticker)), text(f.side.value),
             number(f"{f.quantity:,}"), number(f"{f.price:,}"), number(f"{f.amount:,}"))
            for f in day.fills
        ]),
        *(_extra(extra, lines) for extra, lines in day.extra),
        _block(lang, "알림|Alerts", "시각|time, 수준|level, 내용|what", [
            (text(f"{at:%H:%M:%S}"), text(level), text(line)) for at, level, line in day.alerts
        ]),
    ]  # fmt: skip
    return page(lang=lang, title=f"kisbt {day.session}", body=[part for part in body if part])


_POSITIONS = "종목|name, 수량|shares, 평균|average, 종가|close, 평가|value"
_DECISIONS = "시각|time, 종목|name, 결정|action, 판정|verdict, 수량|shares, 사유|reason, 근거|why"
_ORDERS = (
    "번호|ref, 종목|name, 구분|side, 수량|shares, 가격|limit, 체결|filled, 상태|state, 사유|reason"
)
_FILLS = "시각|time, 종목|name, 구분|side, 수량|shares, 가격|price, 금액|amount"


def _account(day: LiveDay, lang: Lang) -> list[tuple[Cell, Cell]]:
    figures = (
        ("전 거래일 평가금액|equity before", f"{day.before:,}"),
        ("평가금액|equity", f"{day.equity:,}"),
        ("손익|result", f"{day.result:+.2%}"),
        ("현금 (D+2)|cash (D+2)", f"{day.cash:,}"),
        ("수수료|commission", f"{sum(fill.commission for fill in day.fills):,}"),
        ("세금|tax", f"{sum(fill.tax for fill in day.fills):,}"),
        ("거래 상태|trading state", day.mode),
        ("전략|strategy", f"{day.strategy} · {day.decider}"),
        ("프롬프트|prompt", "-" if day.prompt is None else str(day.prompt)),
        ("실행|run", day.run_id),
    )
    return [(text(_say(both, lang)), number(value)) for both, value in figures]


def _block(lang: Lang, title: str, columns: str, rows: Sequence[Sequence[Cell]]) -> str:
    """One titled table; nothing where there are no rows. Words are ``korean|english``."""
    if not rows:
        return ""
    heads = [text(_say(both, lang)) for both in columns.split(", ")]
    return section(_say(title, lang), table(heads, rows))


def _extra(title: str, lines: Sequence[Sequence[str]]) -> str:
    head, *rest = lines
    return section(title, table([text(h) for h in head], [[text(c) for c in r] for r in rest]))


def _say(both: str, lang: Lang) -> str:
    korean, _, english = both.partition("|")
    return korean if lang == "ko" else english


def _name(day: LiveDay, ticker: str) -> str:
    return f"{ticker} {day.names.get(ticker, '')}".strip()


def _tone(state: OrderState) -> str:
    return "loss" if state in (OrderState.REJECTED, OrderState.UNKNOWN) else ""
