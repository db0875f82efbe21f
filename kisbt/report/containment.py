"""Keeps what quantstats and matplotlib do to a process inside one ``with`` block."""

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "kisbt",
    "font.family": ["DejaVu Sans"],
    "font.size": 11,
    "axes.unicode_minus": True,
    "axes.facecolor": "white",
    "axes.edgecolor": "#d5d9e0",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e6e9ee",
    "grid.linewidth": 0.6,
    "figure.facecolor": "white",
    "legend.frameon": False,
    "text.color": "#374151",
    "xtick.color": "#6b7280",
    "ytick.color": "#6b7280",
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "path.simplify": True,
    "path.simplify_threshold": 0.2,
}
"""matplotlib settings inside the block. Text stays text and is drawn by the reader's browser, so
Korean needs no font on the machine that makes the page; DejaVu Sans, which matplotlib carries, only
measures it."""


@contextmanager
def contained_plotting() -> Iterator[None]:
    """Draw with Agg, in one known style, in silence; put everything back afterwards.

    quantstats sets a seaborn theme and Arial when it is first imported, which would make a first
    page differ from a second one; here both start from matplotlib's defaults plus ``STYLE``.
    A backend that was chosen before is chosen again; where none was, pyplot keeps Agg.
    """
    fonts = logging.getLogger("matplotlib.font_manager")
    level = fonts.level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fonts.setLevel(logging.CRITICAL)
        import matplotlib
        import matplotlib.pyplot as pyplot

        settings: Any = matplotlib.rcParams
        before = settings.copy()
        chosen = matplotlib.get_backend(auto_select=False)
        pyplot.switch_backend("agg")
        try:
            from quantstats._plotting import core

            matplotlib.rcdefaults()
            settings.update(STYLE)
            with replaced(core, {"format_pct_axis": percent_tick}):
                yield
        finally:
            if chosen is not None and chosen.lower() != "agg":
                pyplot.switch_backend(chosen)
            # The mapping's own update would resolve a backend nobody has chosen yet.
            dict.update(settings, before)
            fonts.setLevel(level)


@contextmanager
def replaced(module: Any, names: Mapping[str, Any]) -> Iterator[None]:
    """Put other functions into a module for the length of a block."""
    before = {name: getattr(module, name) for name in names}
    for name, other in names.items():
        setattr(module, name, other)
    try:
        yield
    finally:
        for name, own in before.items():
            setattr(module, name, own)


def percent_tick(value: float, _position: int) -> str:
    """Write a fraction on an axis: ``0.025`` is ``2.5%``."""
    text = f"{value * 100:,.2f}".rstrip("0").rstrip(".")
    return ("0" if text in ("-0", "") else text.replace("-", "\N{MINUS SIGN}")) + "%"
