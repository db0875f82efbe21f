"""A run's model: who is asked, what was said and what it cost, and the twin that asks nobody.

The zero-cost twin must not ask again: its account differs from the first bar with a cost on, so
every question would be a new one. It follows the plans that the net pass got, tick by tick (plans
name weights, so they fit its account), and holds where the net pass held. What it shows is
what the same decisions would have earned without costs.
"""

import threading
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from kisbt.config import LLMSettings, Settings
from kisbt.domain.llm import CallListener, LLMCall
from kisbt.domain.ports import Decider
from kisbt.domain.result import EquityPoint
from kisbt.domain.state import DecisionContext
from kisbt.domain.trading import TradingPlan
from kisbt.errors import ConfigError, DeciderError, StopRun
from kisbt.llm.blind import Mask
from kisbt.llm.decider import LLMDecider
from kisbt.llm.meter import Meter
from kisbt.llm.shared import shared_client
from kisbt.run.prepare import Prepared
from kisbt.run.spec import LLMSpec


def llm_settings(spec: LLMSpec, settings: Settings) -> LLMSettings:
    """The server of the settings with the spec's model and parameters."""
    asked = {
        name: getattr(spec, name)
        for name in ("model", "temperature", "seed", "max_tokens", "draws", "min_agreement")
    }
    return settings.llm.model_copy(update=asked)


def decider_label(spec: LLMSpec) -> str:
    """What ``LLMDecider`` calls itself, before there is one."""
    shown = "blind" if spec.blind else "names shown"
    times = f", {spec.draws} draws" if spec.draws > 1 else ""
    return f"LLM {spec.model} ({shown}{times})"


class Conversation:
    """Everything between one run and its model; meets ``domain.llm.CallListener``.

    Args:
        ready: The replay; its spec names a model.
        settings: The server, the cache, the table of cutoffs.
        listener: Told of every call, before its plan is acted upon.
        meter: The command's, which holds the budget.
        label: The run's name in the meter.
        stop: Set from another thread to end the run before its next decision.

    Raises:
        ConfigError: no model, no key, a bad address, or an unusable cache.
    """

    def __init__(
        self,
        ready: Prepared,
        settings: Settings,
        listener: CallListener,
        meter: Meter,
        label: str,
        stop: threading.Event | None = None,
    ) -> None:
        spec, version = ready.spec.llm, ready.version
        if spec is None or version is None:
            raise ConfigError("this replay asks no model")
        self._spec = spec
        self._settings = settings
        self._listener = listener
        self._stop = stop
        self._client = shared_client(
            llm_settings(spec, settings),
            settings.llm_cache(),
            mode="record" if spec.mode == "openai" else "replay",
            meter=meter,
            label=label,
        )
        universe = ready.whole.instruments
        self._decider = LLMDecider(
            version,
            self._client,
            ready.spec.limits,
            universe,
            mask=Mask(spec.mask_seed, universe.values()) if spec.blind else None,
            draws=spec.draws,
            min_agreement=spec.min_agreement,
            listener=self,
            model=spec.model,
            workers=spec.draws if spec.mode == "openai" else 1,
        )
        self.label = self._decider.label
        self._plans: dict[int, TradingPlan | DeciderError] = {}
        self._bill: dict[int, float] = {}
        self._asked_at: dict[int, Any] = {}
        self._status = dict.fromkeys(("valid", "invalid", "failed"), 0)
        self._sums = dict.fromkeys(("tokens_in", "tokens_out", "tokens_cached"), 0)
        self._usd = self._krw = 0.0
        self._from_cache = 0

    def decide(self, context: DecisionContext) -> TradingPlan:
        """Ask the model and remember its plan for the twin.

        Raises:
            DeciderError: no valid plan; remembered, too.
            StopRun: the budget is spent, a replay misses a reply, or the command was interrupted.
        """
        number, at, _ = context.tick
        if self._stop is not None and self._stop.is_set():
            raise StopRun(f"stopped before the decision of {at:%Y-%m-%d %H:%M}")
        self._asked_at[number] = at
        try:
            plan = self._decider.decide(context)
        except DeciderError as error:
            self._plans[number] = error
            raise
        self._plans[number] = plan
        return plan

    def record_call(self, call: LLMCall) -> None:
        """Count one exchange and pass it on."""
        self._status[call.status] += 1
        self._sums["tokens_in"] += call.tokens_in
        self._sums["tokens_out"] += call.tokens_out
        self._sums["tokens_cached"] += call.tokens_cached
        self._usd += call.cost_usd
        self._krw += call.cost_krw
        self._bill[call.tick] = self._bill.get(call.tick, 0.0) + call.cost_krw
        self._from_cache += call.source == "cache"
        self._listener.record_call(call)

    def twin(self) -> Decider:
        """The decider of the zero-cost pass: the plans of the net one again."""
        return _Again(self.label, self._plans)

    def bill(self, equity: Sequence[EquityPoint]) -> list[int]:
        """What the model had cost by each bar, whole won, never falling."""
        due = {self._asked_at[tick]: krw for tick, krw in self._bill.items()}
        total, found = 0.0, []
        for point in equity:
            total += due.get(point.at, 0.0)
            found.append(round(total))
        return found

    def facts(self) -> dict[str, Any]:
        """What the report and the card say of the model (``RunResult.llm``).

        All of it is the same for a replay of the run, but for ``here``: what this command itself
        sent and paid. Money is won and US dollars, as recording the replies cost.
        """
        spec, llm = self._spec, self._settings.llm
        usage = self._client.usage()
        shares = [
            decision.agreement
            for plan in self._plans.values()
            if isinstance(plan, TradingPlan)
            for decision in plan.decisions
            if decision.agreement is not None
        ]
        cutoff = llm.cutoffs.get(spec.model)
        return {
            **spec.model_dump(),
            "ticks": len(self._plans),
            "calls": sum(self._status.values()),
            **self._status,
            "requests": usage.requests,
            **self._sums,
            "prefix_share": round(usage.prefix_share, 6),
            "cost_usd": round(self._usd, 6),
            "cost_krw": round(self._krw, 2),
            "agreement": round(fmean(shares), 6) if shares else None,
            "abstained": sum(share < spec.min_agreement for share in shares),
            "cutoff": cutoff.isoformat() if cutoff else None,
            "cutoff_margin_days": llm.cutoff_margin_days,
            "here": {
                "mode": spec.mode,
                "cached": self._from_cache,
                "sent": usage.sent,
                "spent_krw": round(usage.spent_krw, 2),
            },
        }


class _Again:
    """Answers with the plans of another pass."""

    def __init__(self, label: str, plans: Mapping[int, TradingPlan | DeciderError]) -> None:
        self.label = label
        self._plans = plans

    def decide(self, context: DecisionContext) -> TradingPlan:
        """The plan of that tick.

        Raises:
            DeciderError: the other pass had none.
        """
        plan = self._plans.get(context.tick.number)
        if plan is None:
            raise DeciderError(f"the net pass made no decision at tick {context.tick.number}")
        if isinstance(plan, DeciderError):
            raise plan
        return plan


def charged(equity: Sequence[EquityPoint], bill: Sequence[int]) -> list[EquityPoint]:
    """The equity line with the model's bill taken off.

    The bill is not paid from the trading account (no provider debits one), so decisions and
    orders are those of an account that was not charged; only the result is.
    """
    return [
        point._replace(cash=point.cash - due, equity=point.equity - due)
        for point, due in zip(equity, bill, strict=True)
    ]
