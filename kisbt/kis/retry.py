"""When a failed call is made again. Only errors that promise "nothing was taken" are retried."""

import functools
import logging
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import tenacity

from kisbt.kis.errors import Throttled, Unreachable

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")


def robust_api_call(
    *,
    attempts: int = 5,
    seconds: float = 60.0,
    first_wait: float = 0.25,
    longest_wait: float = 8.0,
    sleep: Callable[[float], None] = time.sleep,
) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Return a decorator that repeats a KIS call by the class of its error.

    ``Unreachable`` and ``Throttled`` are tried again, ``attempts`` times in all and for
    ``seconds`` at most, after exponential waits with full jitter; a throttled call waits at least
    its ``retry_after``. Every other error goes straight through: a refusal stays a refusal, and an
    order whose outcome is unknown must be looked up, never sent again.
    """
    backoff = tenacity.wait_random_exponential(multiplier=first_wait, max=longest_wait)

    def wait(state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        least = error.retry_after if isinstance(error, Throttled) else 0.0
        return least + float(backoff(state))

    def decorate(call: Callable[P, T]) -> Callable[P, T]:
        @functools.wraps(call)
        def robust(*args: P.args, **kwargs: P.kwargs) -> T:
            retrying = tenacity.Retrying(
                retry=tenacity.retry_if_exception_type((Unreachable, Throttled)),
                stop=tenacity.stop_after_attempt(attempts) | tenacity.stop_before_delay(seconds),
                wait=wait,
                sleep=sleep,
                before_sleep=_say,
                reraise=True,
            )
            return retrying(call, *args, **kwargs)

        return robust

    return decorate


def _say(state: tenacity.RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    seconds = state.next_action.sleep if state.next_action else 0.0
    logger.info("try %d failed (%s); again in %.1f s", state.attempt_number, error, seconds)
