"""A line chart as inline SVG: no font is measured, so it is the same on every machine."""

import math
from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from kisbt.report.markup import escape

WIDTH, HEIGHT = 1040, 300
LEFT, RIGHT, TOP, BOTTOM = 62, 14, 12, 26


class Line(NamedTuple):
    """One curve: its name, its CSS class and one value a session (fractions)."""

    name: str
    style: str
    values: Sequence[float]


def line_chart(days: Sequence[date], lines: Sequence[Line], *, label: str) -> str:
    """Draw growth curves (fractions, written as percent) over sessions, with a legend.

    ``label`` is read out instead of the picture. Curves of another length than ``days`` and
    empty charts are the caller's mistake.

    Raises:
        ValueError: no session, or a curve that does not fit them.
    """
    if not days or any(len(line.values) != len(days) for line in lines):
        raise ValueError(f"{len(days)} sessions and curves of {[len(x.values) for x in lines]}")
    low = min(0.0, *(min(line.values) for line in lines))
    high = max(0.0, *(max(line.values) for line in lines))
    room = max(high - low, 1e-4) * 0.04
    low, high = low - room, high + room
    span = high - low
    ticks = _value_ticks(low, high)
    step = (WIDTH - LEFT - RIGHT) / max(1, len(days) - 1)

    def x(index: int) -> float:
        return LEFT + index * step

    def y(value: float) -> float:
        return TOP + (high - value) / span * (HEIGHT - TOP - BOTTOM)

    parts = [_horizontal(y(tick), tick, span) for tick in ticks]
    parts += [_vertical(x(index), text) for index, text in _day_ticks(days)]
    for line in lines:
        points = " ".join(f"{x(i):.1f},{y(v):.1f}" for i, v in enumerate(line.values))
        parts.append(f'<polyline class="line {line.style}" points="{points}"/>')
    body = "\n".join(parts)
    return (
        f'<figure class="chart"><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
        f' aria-label="{escape(label)}">\n{body}\n</svg>{_legend(lines)}</figure>'
    )


def _legend(lines: Sequence[Line]) -> str:
    items = "".join(
        f'<li><svg viewBox="0 0 22 6" aria-hidden="true"><line class="line {line.style}"'
        f' x1="0" y1="3" x2="22" y2="3"/></svg>{escape(line.name)}</li>'
        for line in lines
    )
    return f'<ul class="legend">{items}</ul>'


def _horizontal(at: float, tick: float, span: float) -> str:
    digits = 0 if span > 0.04 else 1 if span > 0.004 else 2
    text = f"{tick * 100:+.{digits}f}%".replace("-", "−") if abs(tick) > 1e-12 else "0%"
    style = "zero" if text == "0%" else "grid"
    return (
        f'<line class="{style}" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>'
        f'<text class="axis" x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{text}</text>'
    )


def _vertical(at: float, text: str) -> str:
    return (
        f'<line class="grid" x1="{at:.1f}" x2="{at:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>'
        f'<text class="axis" x="{at:.1f}" y="{HEIGHT - 8}" text-anchor="middle">{text}</text>'
    )


def _value_ticks(low: float, high: float) -> list[float]:
    """Round values between ``low`` and ``high``, about five of them."""
    rough = (high - low) / 5
    unit = 10.0 ** math.floor(math.log10(rough))
    step = unit * next(m for m in (1, 2, 2.5, 5, 10) if m * unit >= rough * 0.999)
    first, last = math.ceil(low / step), math.floor(high / step)
    return [index * step for index in range(first, last + 1)]


def _day_ticks(days: Sequence[date]) -> list[tuple[int, str]]:
    """First sessions of years, quarters, months or weeks, whichever gives at most ten."""
    keys = (
        (lambda d: (d.isocalendar().year, d.isocalendar().week), "%m-%d"),
        (lambda d: (d.year, d.month), "%Y-%m"),
        (lambda d: (d.year, (d.month - 1) // 3), "%Y-%m"),
        (lambda d: (d.year, (d.month - 1) // 6), "%Y-%m"),
        (lambda d: (d.year,), "%Y"),
        (lambda d: (d.year // 2,), "%Y"),
        (lambda d: (d.year // 5,), "%Y"),
    )
    starts: list[tuple[int, str]] = []
    for key, form in keys:
        starts = [
            (i, days[i].strftime(form))
            for i in range(1, len(days))
            if key(days[i]) != key(days[i - 1])
        ]
        if len(starts) <= 10:
            break
    margin = max(1, len(days) // 40)
    return [tick for tick in starts if margin <= tick[0] < len(days) - margin]
