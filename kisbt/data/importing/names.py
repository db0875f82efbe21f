"""Who a ticker is: from a names file, a manifest beside the files, or the rows themselves."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from kisbt.data.importing.columns import (
    leverage_of,
    plain_market,
    plain_ticker,
    product_of,
)
from kisbt.data.importing.reading import RawTable, read_records
from kisbt.data.manifest import CorporateAction
from kisbt.domain.market import Instrument, Market, Product
from kisbt.errors import DataError

_TICKER = ("ticker", "code", "종목코드", "단축코드")
_NAME = ("name", "종목명")
_MARKET = ("market", "시장구분", "시장")
_PLAIN = ("sector", "listed", "delisted", "offer_price", "leverage", "product")


@dataclass(slots=True)
class NameBook:
    """Known facts by ticker; ``adjusted`` is what a manifest says of the prices, if it does."""

    facts: dict[str, dict[str, str]] = field(default_factory=dict)
    adjusted: set[bool] = field(default_factory=set)

    def add_names_file(self, path: Path) -> None:
        """Take ``ticker,name,market[,product,leverage,sector,listed,delisted,offer_price]``.

        Raises:
            DataError: no ticker column, or a value in it that is none.
        """
        for row in read_records(path):
            self.facts[_ticker(row, path)] = row

    def add_manifest(self, path: Path, files: Iterable[Path]) -> None:
        """Take the rows of a folder's ``manifest.csv`` that are about the files being imported."""
        wanted = {file.resolve() for file in files}
        for row in read_records(path):
            named = row.get("file", "")
            if named and (path.parent / named).resolve() not in wanted:
                continue
            code = plain_ticker(_one(row, _TICKER))
            if code is None:
                continue
            self.facts.setdefault(code, row)
            says = row.get("adjusted", "").lower()
            if named and says:
                self.adjusted.add(not says.startswith(("raw", "no", "false", "unadjusted")))

    def instrument(self, raw: RawTable, market: Market | None) -> tuple[Instrument, bool]:
        """The listed name, and whether its market is known rather than assumed (KOSPI).

        Raises:
            DataError: a fact of the names file has an impossible value.
        """
        row = self.facts.get(raw.ticker, {})
        name = _one(row, _NAME) or raw.name
        text = _one(row, _MARKET) or raw.market
        found = market or plain_market(text)
        given = {key: row[key] for key in _PLAIN if row.get(key)}
        product = Product(given["product"]) if "product" in given else product_of(text, name)
        values: dict[str, Any] = {"leverage": leverage_of(product, name), **given}
        values |= {"product": product, "market": found or Market.KOSPI, "name": name}
        try:
            return Instrument(ticker=raw.ticker, **values), found is not None
        except ValidationError as error:
            first = error.errors()[0]
            raise DataError(
                f"names file: {raw.ticker}: {first['loc'][0]}: {first['msg']}"
            ) from error


def read_actions(path: Path) -> list[CorporateAction]:
    """Read splits from a CSV with the columns ``ticker,date,ratio``.

    Raises:
        DataError: a row is not one.
    """
    actions = []
    for line, row in enumerate(read_records(path), start=2):
        try:
            code = _ticker(row, path)
            actions.append(
                CorporateAction(ticker=code, date=row.get("date"), ratio=row.get("ratio"))  # type: ignore[arg-type]
            )
        except ValidationError as error:
            first = error.errors()[0]
            raise DataError(
                f"{path.name}:{line}: {first['loc'][0]}: {first['msg']}",
                hint="columns: ticker,date,ratio (new shares for one old share)",
            ) from error
    return actions


def _ticker(row: Mapping[str, str], path: Path) -> str:
    text = _one(row, _TICKER)
    code = plain_ticker(text)
    if code is None:
        raise DataError(
            f"{path.name}: '{text}' is not a ticker",
            hint="the file needs a column ticker (종목코드) with codes such as 005930",
        )
    return code


def _one(row: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((row[name] for name in names if row.get(name)), "")
