"""Every error kisbt raises, and what the caller may do about it.

    TradingSystemError
    |-- ConfigError            fix the settings or the command line; nothing has started
    |-- DataError              a dataset is missing, damaged or does not hold what was asked for
    |-- PromptError            a prompt version or a rule is broken
    |-- StrategyError          the user's strategy file cannot be used, or it raised
    |-- JournalError           the journal cannot be opened, read or written
    |-- DeciderError           no valid plan this tick: hold
    |-- StopRun                end the run at this decision boundary, nothing lost
    |-- GateError              the gate's protocol forbids it; evidence stays as it is
    `-- KISAPIError            the KIS side refused, or did not answer

There are as many classes as callers have different reactions.
"""

from typing import ClassVar


class TradingSystemError(Exception):
    """Base of the tree.

    Args:
        message: What failed and where, in one line. Never a secret.
        hint: What the user can do, in one line; printed after the message.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class ConfigError(TradingSystemError):
    """The settings or the command line are wrong; nothing has started."""

    exit_code = 2


class DataError(TradingSystemError):
    """A dataset is missing, damaged, or does not hold what was asked for."""

    exit_code = 3


class PromptError(TradingSystemError):
    """A prompt version or one of its rules is broken."""

    exit_code = 4


class StrategyError(TradingSystemError):
    """The user's strategy file cannot be loaded, holds no strategy, or raised."""

    exit_code = 5


class JournalError(TradingSystemError):
    """The journal cannot be opened, read or written."""

    exit_code = 6


class DeciderError(TradingSystemError):
    """The decider gave no valid plan; the tick ends in hold."""


class StopRun(TradingSystemError):  # noqa: N818 - an instruction rather than a fault
    """The run ends here, before this tick's decision, and the same command can go on from here.

    Unlike every other error a node can raise, this one is not turned into a hold.
    """

    exit_code = 7


class GateError(TradingSystemError):
    """The gate's protocol forbids what was asked: unregistered, looked at before, or changed."""

    exit_code = 8


class KISAPIError(TradingSystemError):
    """KIS refused a request or did not answer it.

    Args:
        message: What failed; never contains a header or a token.
        hint: What the user can do.
        tr_id: KIS transaction id of the request, e.g. ``"TTTC0012U"``.
        msg_cd: KIS message code as received, or ``None`` without an answer.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        tr_id: str | None = None,
        msg_cd: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.tr_id = tr_id
        self.msg_cd = msg_cd
