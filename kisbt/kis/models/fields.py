"""How KIS writes values, and the units they have.

Everything arrives as text: digits perhaps padded with zeros or blanks, signed with a leading
minus, decimals only where KIS has them. A type ``X | None`` takes a blank or missing value as
``None``; a plain type refuses it, because a missing price or balance must not read as zero.
"""

from datetime import date, time
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator


def parse_int(value: Any) -> int:
    """Return whole digits as a number: ``"-150"``, ``"0000000010"``, ``"272000.0000"``.

    Raises:
        ValueError: blank, no number, or not whole.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    text = str(value).strip()
    whole, _, fraction = text.partition(".")
    if fraction.strip("0") or not _is_number(whole):
        raise ValueError("not a whole number")
    return int(whole)


def parse_float(value: Any) -> float:
    """Return a decimal: ``"-0.23"``, ``"54388.4874"``; infinities are no numbers.

    Raises:
        ValueError: blank or no number.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    text = str(value).strip()
    whole, _, fraction = text.partition(".")
    digits = whole.lstrip("+-") + fraction
    if len(whole) - len(whole.lstrip("+-")) > 1 or not (digits.isascii() and digits.isdigit()):
        raise ValueError("not a number")
    return float(text)


def parse_day(value: Any) -> date:
    """Return a date of ``YYYYMMDD``.

    Raises:
        ValueError: anything else.
    """
    if isinstance(value, date):
        return value
    text = str(value).strip()
    if len(text) != 8 or not _is_number(text):
        raise ValueError("not YYYYMMDD")
    return date(int(text[:4]), int(text[4:6]), int(text[6:]))


def parse_time(value: Any) -> time:
    """Return a time of ``HHMMSS``, naive KST.

    Raises:
        ValueError: anything else.
    """
    if isinstance(value, time):
        return value
    text = str(value).strip()
    if len(text) != 6 or not _is_number(text):
        raise ValueError("not HHMMSS")
    return time(int(text[:2]), int(text[2:4]), int(text[4:]))


def parse_flag(value: Any) -> bool:
    """Return whether a Y/N flag is set.

    Raises:
        ValueError: anything but Y, N, 0 and 1.
    """
    if isinstance(value, bool):
        return value
    text = str(value).strip().upper()
    if text not in ("Y", "N", "1", "0"):
        raise ValueError("not Y or N")
    return text in ("Y", "1")


def _is_number(text: str) -> bool:
    digits = text[1:] if text[:1] in ("-", "+") else text
    return digits.isascii() and digits.isdigit()


def _blank_to_none(value: Any) -> Any:
    return None if isinstance(value, str) and not value.strip() else value


def _zeros_to_none(value: Any) -> Any:
    return None if isinstance(value, str) and not value.strip("0 ") else value


Int = Annotated[int, BeforeValidator(parse_int)]
Won = Int
"""Whole won."""
Shares = Int
"""Whole shares."""
Count = Int
"""How many."""
Decimal = Annotated[float, BeforeValidator(parse_float)]
WonEach = Decimal
"""Won a share, with decimals: an average."""
Percent = Decimal
"""Percent: 12.0 is 12 %."""
Points = Decimal
"""Index points."""
Day = Annotated[date, BeforeValidator(parse_day)]
Time = Annotated[time, BeforeValidator(parse_time)]
Flag = Annotated[bool, BeforeValidator(parse_flag)]

MaybeInt = Annotated[Int | None, BeforeValidator(_blank_to_none)]
MaybeWon = MaybeInt
MaybeShares = MaybeInt
MaybeDecimal = Annotated[Decimal | None, BeforeValidator(_blank_to_none)]
MaybePercent = MaybeDecimal
MaybePoints = MaybeDecimal
MaybeDay = Annotated[Day | None, BeforeValidator(_zeros_to_none)]
MaybeTime = Annotated[Time | None, BeforeValidator(_zeros_to_none)]
MaybeFlag = Annotated[Flag | None, BeforeValidator(_blank_to_none)]
Text = Annotated[str, BeforeValidator(lambda value: "" if value is None else str(value).strip())]

Key = Annotated[Text, Field(min_length=1)]
"""Text that tells rows apart: it may not be blank."""

Sign = MaybeInt
"""Against the previous close: 1 upper limit (상한), 2 up, 3 flat, 4 lower limit (하한), 5 down."""


class Row(BaseModel):
    """An immutable object of an answer.

    Key case does not matter. Keys that no field claims stay in ``model_extra`` but are not
    printed: they may hold phone numbers and addresses.
    """

    model_config = ConfigDict(
        extra="allow", frozen=True, populate_by_name=True, hide_input_in_errors=True
    )

    @model_validator(mode="before")
    @classmethod
    def _lower_case_keys(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return {key.lower() if isinstance(key, str) else key: v for key, v in value.items()}
        return value

    def __repr_args__(self) -> Any:
        return [(name, getattr(self, name)) for name in type(self).model_fields]
