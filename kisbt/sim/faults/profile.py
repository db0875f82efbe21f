"""A fault profile: which troubles, how often, where; read from YAML."""

import difflib
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from kisbt.domain.market import Frozen
from kisbt.errors import ConfigError


class FaultKind(StrEnum):
    """Everything that can be injected."""

    ANSWER_LOST = "answer_lost"
    """The request is carried out, then the connection is cut: nobody learns the answer."""
    REQUEST_LOST = "request_lost"
    """The connection is cut before anything is done."""
    SERVER_ERROR = "server_error"
    """HTTP 500 without a body."""
    THROTTLED = "throttled"
    """EGW00201 on this request and on the next ``count`` - 1."""
    SLOW = "slow"
    """The answer takes ``seconds`` longer."""
    TOKEN_EXPIRED = "token_expired"
    """The key's token runs out now (EGW00123)."""
    EXECUTIONS_EMPTY = "executions_empty"
    """The daily order list has no rows although its totals do, as paper shows at times."""
    EXECUTIONS_LAG = "executions_lag"
    """The daily order list lacks orders of the last ``seconds`` of venue time."""
    STREAM_DROP = "stream_drop"
    """The socket is cut, without a close frame."""
    KEY_IN_USE = "key_in_use"
    """The first registration of a socket is answered with OPSP8996."""
    NOTICE_LOST = "notice_lost"
    """An order notice is never sent."""
    NOTICE_DOUBLED = "notice_doubled"
    """An order notice is sent twice."""
    NOTICE_LATE = "notice_late"
    """An order notice waits for ``count`` later ones, at most ``seconds``."""
    NOTICE_REORDERED = "notice_reordered"
    """An order notice is sent after the one that follows it."""
    NOTICE_EARLY = "notice_early"
    """An order's notices are sent before its own HTTP answer."""
    LAYOUT_CHANGE = "layout_change"
    """From then on price and book frames carry one more field."""
    HALT = "halt"
    """A name is halted for ``minutes``; drawn once a name and day."""
    VI = "vi"
    """A name goes into a volatility interruption; drawn once a name and day."""
    LIMIT_LOCK = "limit_lock"
    """A name locks at a limit for the rest of the day; drawn once a name and day."""
    CLOCK_SKEW = "clock_skew"
    """The server's ``Date`` is off by ``seconds``. Always on."""


Family = Literal["all", "orders", "account", "quotes", "oauth"]


class Fault(Frozen):
    """One trouble. ``rate`` is the chance at each occasion; ``most`` bounds how often it strikes.

    ``where`` is the family of requests it can strike. What one occasion is: see ``FaultKind``.
    """

    kind: FaultKind
    rate: float = Field(default=1.0, ge=0, le=1, allow_inf_nan=False)
    where: Family = "all"
    seconds: float = Field(default=1.0, ge=-86_400, le=86_400, allow_inf_nan=False)
    minutes: float = Field(default=10.0, gt=0, le=400, allow_inf_nan=False)
    count: int = Field(default=3, ge=1, le=1000)
    most: int | None = Field(default=None, ge=1)


class FaultProfile(Frozen):
    """All troubles of a run; ``seed`` of the draws, else the simulator's."""

    seed: int | None = None
    faults: tuple[Fault, ...] = ()


def load_profile(path: Path) -> FaultProfile:
    """Read a profile.

    Raises:
        ConfigError: missing, not YAML, or with an unknown key or a bad value; names it.
    """
    import yaml

    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"fault profile {path} cannot be read: {error.strerror}", hint="check --faults"
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        line = " ".join(str(error).split())
        raise ConfigError(f"fault profile {path.name} is not YAML: {line[:120]}") from error
    return parse_profile(raw, path.name)


def parse_profile(raw: Any, source: str) -> FaultProfile:
    """Turn parsed YAML into a profile; ``source`` names it in errors.

    Raises:
        ConfigError: an unknown key or kind, or a bad value.
    """
    try:
        return FaultProfile.model_validate(raw if raw is not None else {})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "top"
        known = [kind.value for kind in FaultKind]
        near = difflib.get_close_matches(str(first.get("input")), known, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"kinds: {', '.join(known)}"
        raise ConfigError(f"fault profile {source}: {where}: {first['msg']}", hint=hint) from error
