import pytest

from kisbt.kis.errors import (
    KISAPIError,
    NotOnPaper,
    OutcomeUnknown,
    Refused,
    Throttled,
    Unreachable,
)
from kisbt.kis.retry import robust_api_call


class Scripted:
    """Fails as told, then succeeds."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    def __call__(self, answer: str) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return answer


@pytest.mark.parametrize("kind", [Unreachable, Throttled])
def test_what_surely_did_nothing_is_tried_again(kind: type[KISAPIError]) -> None:
    call = Scripted(kind("a"), kind("b"))
    waits: list[float] = []
    assert robust_api_call(sleep=waits.append)(call)("answer") == "answer"
    assert call.calls == 3
    assert len(waits) == 2


@pytest.mark.parametrize("kind", [Refused, OutcomeUnknown, NotOnPaper, KISAPIError, ValueError])
def test_everything_else_goes_straight_through(kind: type[Exception]) -> None:
    call = Scripted(kind("no"), kind("no"))
    with pytest.raises(kind):
        robust_api_call(sleep=lambda _: pytest.fail("waited"))(call)("answer")
    assert call.calls == 1


def test_the_last_error_is_raised_as_it_came() -> None:
    errors = [Unreachable(str(number)) for number in range(9)]
    call = Scripted(*errors)
    with pytest.raises(Unreachable) as caught:
        robust_api_call(attempts=4, sleep=lambda _: None)(call)("answer")
    assert caught.value is errors[3]
    assert call.calls == 4


def test_throttled_call_waits_at_least_as_long_as_it_was_told() -> None:
    call = Scripted(Throttled("slow down", retry_after=3.0), Unreachable("x"))
    waits: list[float] = []
    robust_api_call(sleep=waits.append)(call)("answer")
    assert waits[0] >= 3.0
    assert waits[1] < 3.0


def test_waits_grow_and_are_bounded() -> None:
    call = Scripted(*(Unreachable("x") for _ in range(11)))
    waits: list[float] = []
    robust_api_call(attempts=12, seconds=1e9, first_wait=0.5, longest_wait=2.0, sleep=waits.append)(
        call
    )("answer")
    assert all(0 <= wait <= min(0.5 * 2**n, 2.0) for n, wait in enumerate(waits))
    assert len(set(waits)) > 1  # jitter


def test_no_try_starts_after_the_time_is_up() -> None:
    call = Scripted(*(Throttled("x", retry_after=10.0) for _ in range(9)))
    with pytest.raises(Throttled):
        robust_api_call(attempts=9, seconds=5.0, sleep=lambda _: None)(call)("answer")
    assert call.calls == 1
