"""Are our books of a live period KIS's own? Differences are listed, never explained away."""

from typing import Any

from kisbt.domain.trading import Side
from kisbt.reflection_graph.material import Material
from kisbt.reflection_graph.state import KISFigures


def compare_with_kis(material: Material, kis: KISFigures | None) -> dict[str, Any] | None:
    """Realised profit, costs and executed shares, ours and theirs; ``None`` without such runs.

    A figure that KIS does not give (paper accounts lack some) is not compared.
    """
    if kis is None:
        return None
    live = [s for s in material.sources if s.mode == kis.mode]
    fills = [one.fill for s in live for one in material.executions[s.run_id]]
    if not fills:
        return None
    first, last = (f(fill.session for fill in fills).isoformat() for f in (min, max))
    theirs = kis.figures(first, last)
    trips = material.trips
    books = {s.book for s in live}
    ours = {
        "realised": sum(int(trips.pnl[i]) for i, b in enumerate(trips.book) if b in books),
        "commission_and_tax": sum(fill.commission + fill.tax for fill in fills),
        "buys": sum(fill.quantity for fill in fills if fill.side is Side.BUY),
        "sells": sum(fill.quantity for fill in fills if fill.side is Side.SELL),
    }
    given = {name: getattr(theirs, name) for name in ours}
    return {
        "first": first,
        "last": last,
        "source": theirs.source,
        "rows": [
            {"what": name, "ours": ours[name], "kis": given[name],
             "difference": None if given[name] is None else ours[name] - given[name]}
            for name in ours
        ],
    }  # fmt: skip
