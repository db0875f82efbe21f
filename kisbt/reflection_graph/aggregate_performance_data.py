"""M1: what was earned and lost, by whom, when and under which circumstances."""

from typing import Any

from kisbt.reflection_graph.breakdown import best_and_worst, breakdown, figures
from kisbt.reflection_graph.kis_check import compare_with_kis
from kisbt.reflection_graph.state import ReflectionState, Workbench
from kisbt.reflection_graph.steps import input_hash
from kisbt.reflection_graph.working import At, bench_of


def aggregate_performance_data(state: ReflectionState, runtime: At) -> ReflectionState:
    """Pair buys with sells over all runs of the scope and take their figures apart."""
    bench = bench_of(runtime)
    key = input_hash("M1", bench.material.fingerprint, bench.options.shown, bench.kis is not None)
    return {"performance": bench.steps.once("aggregate_performance_data", key, lambda: _m1(bench))}


def _m1(bench: Workbench) -> dict[str, Any]:
    material, trips = bench.material, bench.material.trips
    best, worst = best_and_worst(trips, bench.options.shown)
    return {
        "runs": [
            {"run": s.run_id, "mode": s.mode, "prompt": s.prompt_number, "decider": s.decider}
            for s in material.sources
        ],
        "first": trips.closed[0] if len(trips) else None,
        "last": trips.closed[-1] if len(trips) else None,
        "overall": figures(trips),
        "by": breakdown(trips),
        "best": best,
        "worst": worst,
        "cost": material.cost,
        "kis": compare_with_kis(material, bench.kis),
    }
