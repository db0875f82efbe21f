"""What a page and the card say of the model behind a run: use, cost, cutoff, agreement."""

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

from kisbt.report.daily import daily

if TYPE_CHECKING:
    from kisbt.domain.result import RunResult
    from kisbt.llm.cutoff import CutoffResult
    from kisbt.llm.economics import Economics


class ModelView(NamedTuple):
    """A model's economics and its results by cutoff class.

    ``against`` says what the edge is over: the benchmark, or nothing where there is none.
    """

    economics: "Economics"
    cutoff: "CutoffResult"
    against: str


def model_view(result: "RunResult") -> ModelView | None:
    """Economics and cutoff classes of a run; ``None`` when no model was asked.

    Both look at daily returns over the benchmark's, net of trading costs, before the model's.
    """
    facts = result.llm
    if facts is None:
        return None
    import numpy as np

    from kisbt.llm.cutoff import by_class
    from kisbt.llm.economics import economics

    series = daily(uncharged(result))
    moves = np.asarray(series.net.returns(), dtype=np.float64)
    market = series.benchmark.returns()
    if len(market) == len(moves):
        moves = moves - np.asarray(market, dtype=np.float64)
    told = facts.get("cutoff")
    return ModelView(
        economics(float(facts["cost_krw"]), int(facts["ticks"]), moves),
        by_class(
            moves,
            series.days,
            date.fromisoformat(told) if told else None,
            int(facts["cutoff_margin_days"]),
        ),
        result.benchmark_label if len(market) == len(moves) else "",
    )


def uncharged(result: "RunResult") -> "RunResult":
    """The result as it was before the model's bill was taken off, if it was."""
    from dataclasses import replace

    bill = (result.llm or {}).get("bill")
    if not bill:
        return result
    equity = [
        point._replace(cash=point.cash + due, equity=point.equity + due)
        for point, due in zip(result.equity, bill, strict=True)
    ]
    return replace(result, equity=equity)


def model_metrics(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The figures of a run's model for ``metrics.json``: the same for a replay of the run."""
    calls, ticks = int(facts["calls"]), int(facts["ticks"])
    return {
        "llm_ticks": ticks,
        "llm_calls": calls,
        "llm_invalid": facts["invalid"],
        "llm_failed": facts["failed"],
        "llm_tokens_in": facts["tokens_in"],
        "llm_tokens_out": facts["tokens_out"],
        "llm_tokens_cached": facts["tokens_cached"],
        "llm_prefix_share": facts["prefix_share"],
        "llm_cost_usd": facts["cost_usd"],
        "llm_cost_krw": facts["cost_krw"],
        "llm_cost_per_decision": float(facts["cost_krw"]) / ticks if ticks else None,
        "llm_agreement": facts["agreement"],
        "llm_abstained": facts["abstained"],
    }
