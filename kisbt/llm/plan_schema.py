"""The contract of a reply: its JSON schema, and the strict way back to a plan."""

import json
from collections.abc import Container, Sequence
from functools import lru_cache
from typing import Annotated, Any, Literal, NoReturn

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from kisbt.domain.trading import Decision, TradingPlan
from kisbt.errors import DeciderError

NOT_ASKED = frozenset({"agreement"})
"""Fields of ``Decision`` that are ours to fill, not the model's."""

LARGEST = 10**12
"""No quantity and no price of a plan may reach it."""

MAX_DECISIONS = 500
MAX_RULES = 20
MAX_REPLY = 200_000
MAX_WORDS = 2_000
MAX_BRACES = 1_000
"""Opening braces at which an object is looked for in words around it."""

_ENUM_LIMIT = 200


class PlanError(DeciderError):
    """A reply that is no plan; the message says why, in the reply's own terms."""


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


_Whole = Annotated[int, BeforeValidator(_whole), Field(gt=0, lt=LARGEST)]
_Fraction = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
_Words = Annotated[str, Field(max_length=MAX_WORDS)]
_Strict = ConfigDict(extra="forbid", strict=True, frozen=True)


class DecisionAnswer(BaseModel):
    """One decision as a model must write it."""

    model_config = _Strict

    ticker: Annotated[str, Field(min_length=1, max_length=20)]
    action: Literal["BUY", "SELL", "HOLD"]
    target_weight: _Fraction | None = None
    quantity: Annotated[int, BeforeValidator(_whole), Field(ge=0, lt=LARGEST)] | None = None
    limit_price: _Whole | None = None
    confidence: _Fraction
    justification: _Words
    rules: Annotated[tuple[_Words, ...], Field(strict=False, max_length=MAX_RULES)] = ()


class PlanAnswer(BaseModel):
    """The whole reply as a model must write it."""

    model_config = _Strict

    decisions: Annotated[tuple[DecisionAnswer, ...], Field(strict=False, max_length=MAX_DECISIONS)]
    comment: _Words = ""


def plan_schema(tickers: Sequence[str] = ()) -> dict[str, Any]:
    """Return the JSON schema of a reply, made from ``Decision`` and ``TradingPlan``.

    It keeps to what every server understands: no references, every field required, nothing else
    allowed, ``null`` for "not given". A fresh dictionary each time, equal for equal ``tickers``.

    Args:
        tickers: The only tickers a reply may name, in the order given; unrestricted when empty or
            when there are more than 200, which some servers refuse.
    """
    decision: dict[str, Any] = {
        "type": "object",
        "properties": {name: _KINDS[name]() for name in _ASKED},
        "required": list(_ASKED),
        "additionalProperties": False,
    }
    decisions: dict[str, Any] = {"type": "array", "items": decision}
    if 0 < len(tickers) <= _ENUM_LIMIT:
        decision["properties"]["ticker"]["enum"] = list(tickers)
        decisions["maxItems"] = len(tickers)  # a name stands once, and a small model stops here
    return {
        "type": "object",
        "properties": {
            "decisions": decisions,
            "comment": {"type": "string"},
        },
        "required": list(TradingPlan.model_fields),
        "additionalProperties": False,
    }


_ASKED = tuple(name for name in Decision.model_fields if name not in NOT_ASKED)

_KINDS: dict[str, Any] = {
    "ticker": lambda: {"type": "string"},
    "action": lambda: {"type": "string", "enum": ["BUY", "SELL", "HOLD"]},
    "target_weight": lambda: {"type": ["number", "null"], "minimum": 0, "maximum": 1},
    "quantity": lambda: {"type": ["integer", "null"]},
    "limit_price": lambda: {"type": ["integer", "null"]},
    "confidence": lambda: {"type": "number", "minimum": 0, "maximum": 1},
    "justification": lambda: {"type": "string"},
    "rules": lambda: {"type": "array", "items": {"type": "string"}, "maxItems": MAX_RULES},
}


def parse_plan(
    text: str, tickers: Container[str] | None = None, *, prose: bool = False
) -> TradingPlan:
    """Read a plan out of a reply, or say what is wrong with it.

    The reply is one JSON object, bare or alone in a code fence. The whole plan is invalid when any
    part is: an unknown or repeated ticker, a number out of range, a field too many.

    Args:
        text: The reply.
        tickers: Tickers that may be named; ``None`` allows any.
        prose: Whether words may stand around the object, as servers without JSON mode need it;
            even then there must be exactly one object.

    Raises:
        PlanError: it is no plan.
    """
    plan = _parse(text, prose)
    if tickers is not None:
        for index, decision in enumerate(plan.decisions):
            if decision.ticker not in tickers:
                _refuse(f"decisions[{index}].ticker: '{decision.ticker}' is not in the data")
    return plan


@lru_cache(maxsize=4096)
def _parse(text: str, prose: bool) -> TradingPlan:
    raw = read_object(text, "decisions", prose=prose)
    try:
        answer = PlanAnswer.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        _refuse(f"{_where(first['loc'])}: {first['msg']}")
    seen: set[str] = set()
    for index, decision in enumerate(answer.decisions):
        if decision.ticker in seen:
            _refuse(f"decisions[{index}].ticker: '{decision.ticker}' stands twice")
        seen.add(decision.ticker)
    return TradingPlan.model_validate(answer.model_dump())


def read_object(text: str, key: str, *, prose: bool = False) -> dict[str, Any]:
    """The one JSON object of a reply, bare, alone in a code fence, or with words around it.

    Args:
        text: The reply.
        key: The field by which the object is known among words.
        prose: Whether words are allowed.

    Raises:
        PlanError: there is none, or more than one.
    """
    if len(text) > MAX_REPLY:
        _refuse(f"the reply has {len(text):,} characters, more than {MAX_REPLY:,}")
    bare = _unfenced(text.strip())
    try:
        value = _DECODER.decode(bare)
    except _Twice as error:
        _refuse(f"the key '{error}' stands twice")
    except (ValueError, RecursionError) as error:
        if not prose:
            reason = str(error) if isinstance(error, json.JSONDecodeError) else "cannot be read"
            _refuse(f"not a JSON object: {reason}")
        value = _only_object(text, key)
    if not isinstance(value, dict):
        _refuse("not a JSON object")
    return value


def _unfenced(text: str) -> str:
    if text.startswith("```") and text.endswith("```") and text.count("```") == 2:
        head, _, body = text[3:-3].partition("\n")
        if head.strip().lower() in ("", "json"):
            return body.strip()
    return text


def _only_object(text: str, key: str) -> dict[str, Any]:
    """The one object with ``key`` in a text; objects inside it do not count."""
    found: list[dict[str, Any]] = []
    at = text.find("{")
    for _ in range(MAX_BRACES):
        if at < 0:
            break
        try:
            value, end = _DECODER.raw_decode(text, at)
        except _Twice as error:
            _refuse(f"the key '{error}' stands twice")
        except (ValueError, RecursionError):
            at = text.find("{", at + 1)
            continue
        if key in value:
            found.append(value)
        at = text.find("{", end)
    if len(found) != 1:
        _refuse(f"no JSON object with {key}" if not found else "more than one JSON object")
    return found[0]


class _Twice(Exception):  # noqa: N818 - a private signal
    pass


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        keys = [key for key, _ in pairs]
        raise _Twice(next(key for key in keys if keys.count(key) > 1))
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")


_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_constant)


def _where(loc: tuple[int | str, ...]) -> str:
    text = ""
    for part in loc:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.lstrip(".") or "reply"


def _refuse(why: str) -> NoReturn:
    printable = "".join(c if c.isprintable() else "?" for c in why)
    raise PlanError(printable[:500])
