"""What a person sees of a live session: one screen in a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, Self, TextIO

from kisbt.domain.trading import TradingMode

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live

REFRESH_SECONDS = 0.25

_MODES = {
    TradingMode.ACTIVE: ("정상", "bold green"),
    TradingMode.REDUCE_ONLY: ("매도만", "bold yellow"),
    TradingMode.HALTED: ("정지", "bold white on red"),
}


class PositionLine(NamedTuple):
    """One position. Won and shares; ``result_pct`` is in percent of the average price."""

    ticker: str
    name: str
    quantity: int
    average: float
    close: int
    value: int
    weight: float
    result_pct: float


class DecisionLine(NamedTuple):
    """One decision and node 4's verdict on it."""

    at: datetime
    ticker: str
    name: str
    action: str
    outcome: str
    quantity: int
    reason: str


class OrderLine(NamedTuple):
    """One order as it stands."""

    ref: str
    ticker: str
    name: str
    side: str
    quantity: int
    filled: int
    limit: int | None
    state: str


@dataclass(frozen=True, slots=True)
class Screen:
    """Everything on the screen at one moment. Won; ``at`` is the venue's time."""

    title: str
    at: datetime
    phase: str
    days: str
    cash: int
    equity: int
    start_equity: int
    mode: TradingMode
    reason: str
    drawdown: float
    daily_loss: float
    positions: Sequence[PositionLine] = ()
    decisions: Sequence[DecisionLine] = ()
    orders: Sequence[OrderLine] = ()
    health: Sequence[tuple[str, str]] = ()
    alerts: Sequence[tuple[datetime, str, str]] = ()
    halts: Sequence[str] = ()
    approvals: Sequence[str] = field(default=())


class LiveView:
    """Shows screens; a context manager.

    Args:
        screen: Makes the present screen; called on the caller's thread, at most four times a
            second.
        stream: Where to; standard output by default.
        console: A rich console instead, for tests and recordings.
        quiet: Show nothing at all.
    """

    def __init__(
        self,
        screen: Callable[[], Screen],
        *,
        stream: TextIO | None = None,
        console: "Console | None" = None,
        quiet: bool = False,
    ) -> None:
        self._screen = screen
        self._stream = stream or sys.stdout
        self._console = console
        self._quiet = quiet
        self._live: Live | None = None
        self._shown = 0.0

    def __enter__(self) -> Self:
        if self._quiet:
            return self
        if self._console is None and self._stream.isatty():
            from rich.console import Console

            self._console = Console(file=self._stream)
        if self._console is not None:
            from rich.live import Live

            self._live = Live(console=self._console, auto_refresh=False, screen=False)
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            if kind is None:
                self._live.update(draw(self._screen()), refresh=True)
            self._live.stop()
            self._live = None

    @property
    def plain(self) -> bool:
        """Whether lines are printed instead of a screen."""
        return not self._quiet and self._console is None

    def tick(self, *, now: bool = False) -> None:
        """Redraw if it is time."""
        if self._live is None:
            return
        moment = time.monotonic()
        if now or moment - self._shown >= REFRESH_SECONDS:
            self._shown = moment
            self._live.update(draw(self._screen()), refresh=True)

    def say(self, at: datetime, level: str, line: str) -> None:
        """One event: a plain line where there is no screen (which shows alerts by itself)."""
        if self.plain:
            mark = {"warning": "! ", "alert": "!! "}.get(level, "")
            print(f"{at:%Y-%m-%d %H:%M:%S} {mark}{line}", file=self._stream, flush=True)


def draw(screen: Screen) -> "RenderableType":
    """The screen as rich renders it."""
    from rich.console import Group
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    def table(title: str, columns: Sequence[tuple[str, str]]) -> Table:
        made = Table(title=title, title_justify="left", expand=True, box=None, pad_edge=False)
        for name, align in columns:
            made.add_column(
                name,
                justify="right" if align == "r" else "left",
                style="dim" if align == "d" else "",
                overflow="ellipsis",
                no_wrap=True,
                ratio=1 if align == "w" else None,
            )
        return made

    word, style = _MODES[screen.mode]
    result = screen.equity / screen.start_equity - 1.0 if screen.start_equity else 0.0
    head = Text.assemble(
        (f"{screen.at:%Y-%m-%d %H:%M:%S}", "bold"),
        f"  {screen.phase}  {screen.days}   ",
        (f" {word} {screen.mode} ", style),
        f"  {screen.reason}" if screen.reason else "",
    )
    money = Text.assemble(
        "평가금액 ",
        (f"{screen.equity:,}원 ", "bold"),
        (f"({result:+.2%})", "red" if result > 0 else "blue" if result < 0 else ""),
        f"   현금 {screen.cash:,}원   오늘 손실 {screen.daily_loss:.2%}   "
        f"낙폭 {screen.drawdown:.2%}",
    )
    parts: list[RenderableType] = [head, money]
    parts += [Text(f"■ 정지: {line}", style="bold red") for line in screen.halts]
    parts += [Text(f"? 승인 대기 {line}", style="bold yellow") for line in screen.approvals]
    held = table(
        "보유",
        [("종목", ""), ("이름", "w"), ("수량", "r"), ("평균", "r"), ("현재", "r"),
         ("평가", "r"), ("비중", "r"), ("손익", "r")],
    )  # fmt: skip
    for p in screen.positions:
        color = "red" if p.result_pct > 0 else "blue" if p.result_pct < 0 else ""
        held.add_row(
            p.ticker, p.name, f"{p.quantity:,}", f"{p.average:,.0f}", f"{p.close:,}",
            f"{p.value:,}", f"{p.weight:.1%}", Text(f"{p.result_pct:+.2f}%", style=color),
        )  # fmt: skip
    decided = table(
        "결정",
        [("시각", "d"), ("종목", ""), ("이름", ""), ("결정", ""), ("판정", ""), ("수량", "r"),
         ("이유", "w")],
    )  # fmt: skip
    for d in screen.decisions:
        decided.add_row(
            f"{d.at:%m-%d %H:%M}",
            d.ticker,
            d.name,
            d.action,
            d.outcome,
            f"{d.quantity:,}",
            d.reason,
        )
    sent = table(
        "주문",
        [("번호", "d"), ("종목", ""), ("이름", "w"), ("구분", ""), ("수량", "r"), ("체결", "r"),
         ("가격", "r"), ("상태", "")],
    )  # fmt: skip
    for o in screen.orders:
        price = f"{o.limit:,}" if o.limit else "시장가"
        sent.add_row(
            o.ref, o.ticker, o.name, o.side, f"{o.quantity:,}", f"{o.filled:,}", price, o.state
        )
    for part in (held, decided, sent):
        if part.row_count:
            parts += [Text(""), part]
    if screen.alerts:
        parts.append(Text(""))
    for at, level, line in screen.alerts:
        tone = {"warning": "yellow", "alert": "bold red"}.get(level, "dim")
        parts.append(Text(f"{at:%m-%d %H:%M:%S} {line}", style=tone, overflow="ellipsis",
                          no_wrap=True))  # fmt: skip
    foot = "   ".join(f"{name} {value}" for name, value in screen.health)
    return Panel(Group(*parts), title=screen.title, subtitle=foot, title_align="left",
                 subtitle_align="left")  # fmt: skip
