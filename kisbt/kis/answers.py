"""Takes typed objects out of answers; what does not fit is an error that names the field."""

from collections.abc import Callable
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from kisbt.kis.endpoints import Endpoint
from kisbt.kis.errors import KISAPIError, Refused
from kisbt.kis.wire import Answer

M = TypeVar("M", bound=BaseModel)


def output(endpoint: Endpoint, answer: Answer, key: str = "output") -> dict[str, Any]:
    """Return the object at ``key``; a list of one object is the same to KIS.

    Raises:
        KISAPIError: there is none.
    """
    found = answer.body.get(key)
    if isinstance(found, list):
        found = found[0] if found else None
    if not isinstance(found, dict) or not found:
        raise KISAPIError(f"{endpoint.name}: the answer has no {key}")
    return found


def outputs(endpoint: Endpoint, answer: Answer, key: str = "output") -> list[dict[str, Any]]:
    """Return the list of objects at ``key``, without empty ones; missing is an empty list.

    Raises:
        KISAPIError: there is something else.
    """
    found = answer.body.get(key)
    if found is None or found == "":
        return []
    if isinstance(found, dict):
        found = [found]
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise KISAPIError(f"{endpoint.name}: {key} is not a list of rows")
    return [row for row in found if row]


def read(endpoint: Endpoint, build: Callable[..., M], *raw: Any) -> M:
    """Return ``build(*raw)``.

    Raises:
        KISAPIError: a field is missing or not what it should be.
    """
    failure: KISAPIError
    try:
        return build(*raw)
    except ValidationError as error:
        first = error.errors(include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "row"
        failure = KISAPIError(
            f"{endpoint.name}: field {where} cannot be read: {first['msg']}",
            hint="KIS may have changed its answer; please report it",
        )
    except ValueError as error:
        failure = KISAPIError(f"{endpoint.name}: the answer cannot be read: {error}")
    raise failure


def read_rows(
    endpoint: Endpoint, build: Callable[..., M], answer: Answer, key: str = "output"
) -> tuple[M, ...]:
    """Return every row at ``key``, read by ``build``.

    Raises:
        KISAPIError: a row cannot be read.
    """
    return tuple(read(endpoint, build, row) for row in outputs(endpoint, answer, key))


def check_ticker(ticker: str) -> str:
    """Return ``ticker`` if it can be a short code: 6 characters, or Q and 6 for an ETN.

    Raises:
        Refused: it cannot.
    """
    code = ticker[1:] if ticker.startswith("Q") and len(ticker) == 7 else ticker
    if not (len(code) == 6 and code.isascii() and code.isalnum() and code == code.upper()):
        raise Refused(f"{ticker!r} is not a ticker (종목코드)", hint="six characters, e.g. 005930")
    return ticker
