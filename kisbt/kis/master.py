"""KIS's master files (종목 마스터): every listed name, one fixed-width line each, no key needed."""

import io
import zipfile
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple

import requests

from kisbt.domain.market import Instrument, Market, Product
from kisbt.kis.errors import KISAPIError, Unreachable
from kisbt.kis.private_files import private_folder, write_private

HOST = "https://new.real.download.dws.co.kr/common/master"

ENCODING = "cp949"

TAILS = {
    "kospi_code": (
        "2 1 4 4 4 " + "1 " * 26 + "9 5 5 1 1 1 2 1 1 1 2 2 2 3 1 3 12 12 8 15 21 2 7 "
        "1 1 1 1 1 9 9 9 5 9 8 9 3 1 1 1"
    ),
    "kosdaq_code": (
        "2 1 4 4 4 " + "1 " * 21 + "9 5 5 1 1 1 2 1 1 1 2 2 2 3 1 3 12 12 8 15 21 2 7 "
        "1 1 1 1 9 9 9 5 9 8 9 3 1 1 1"
    ),
}
"""Widths in bytes of the tail's fields: 70 for KOSPI, 64 for KOSDAQ.

Source: the official sample repository's ``stocks_info``, as the reference's section 14 gives it.
"""

MARKETS = {"kospi_code": Market.KOSPI, "kosdaq_code": Market.KOSDAQ}

PRODUCTS = {"EF": Product.ETF, "EN": Product.ETN, "EW": Product.ELW}

_CODE, _ISIN = slice(0, 9), slice(9, 21)


class MasterRecord(NamedTuple):
    """One listed name. ``base_price`` in won, ``listed_shares`` in shares, 0 when blank.

    ``group``: ST share, EF ETF, EN ETN, EW ELW, RT REIT ... ``warning``: 00 none, 01 caution,
    02 warning, 03 risk. ``lock`` (락구분) and the flags are as of the file's day.
    """

    ticker: str
    isin: str
    name: str
    market: Market
    group: str
    base_price: int
    halted: bool
    liquidation: bool
    administrative: bool
    warning: str
    lock: str
    margin_pct: int
    previous_volume: int
    listed: date | None
    listed_shares: int

    def instrument(self) -> Instrument:
        """Return it as the rest of kisbt knows names.

        Raises:
            ValueError: its code is no ticker of six characters, as that of a bond fund.
        """
        return Instrument(
            ticker=self.ticker.removeprefix("Q"),
            name=self.name,
            market=self.market,
            product=PRODUCTS.get(self.group, Product.STOCK),
            listed=self.listed,
        )


def parse_master(content: bytes, file: str) -> list[MasterRecord]:
    """Read the text of a master file; ``file`` is ``"kospi_code"`` or ``"kosdaq_code"``.

    Raises:
        KISAPIError: a line is shorter than its layout, or holds letters where digits belong.
    """
    widths = [int(width) for width in TAILS[file].split()]
    flags = widths.index(9)  # where the base price is; the fields behind it are the same
    tail_size = sum(widths)
    records = []
    for number, line in enumerate(content.splitlines(), 1):
        if not line.strip():
            continue
        head, tail = line[:-tail_size], line[-tail_size:]
        if len(head) < _ISIN.stop:
            raise KISAPIError(f"{file}: line {number} is too short")
        fields, at = [], 0
        for width in widths:
            fields.append(tail[at : at + width].decode(ENCODING, "replace").strip())
            at += width
        try:
            records.append(_record(head, fields, flags, MARKETS[file]))
        except ValueError as error:
            raise KISAPIError(f"{file}: line {number} cannot be read: {error}") from error
    return records


def _record(head: bytes, fields: list[str], at: int, market: Market) -> MasterRecord:
    base, _, _, halted, liquidation, administrative, warning = fields[at : at + 7]
    lock, margin, volume = fields[at + 10], fields[at + 13], fields[at + 16]
    listed, thousands = fields[at + 18], fields[at + 19]
    return MasterRecord(
        ticker=head[_CODE].decode(ENCODING, "replace").strip(),
        isin=head[_ISIN].decode(ENCODING, "replace").strip(),
        name=head[_ISIN.stop :].decode(ENCODING, "replace").strip(),
        market=market,
        group=fields[0],
        base_price=int(base or 0),
        halted=halted == "Y",
        liquidation=liquidation == "Y",
        administrative=administrative == "Y",
        warning=warning,
        lock=lock,
        margin_pct=int(margin or 0),
        previous_volume=int(volume or 0),
        listed=datetime.strptime(listed, "%Y%m%d").date() if listed.strip("0") else None,
        listed_shares=1000 * int(thousands or 0),
    )


def download(url: str) -> bytes:
    """Return what is at ``url``.

    Raises:
        Unreachable: the server does not answer, or not with a file.
    """
    try:
        response = requests.get(url, timeout=(5, 60))
        response.raise_for_status()
    except requests.RequestException as error:
        raise Unreachable(
            f"{url}: cannot be downloaded ({type(error).__name__})", hint="try again later"
        ) from error
    return response.content


class MasterFiles:
    """The master files of today, downloaded once a day into ``folder``.

    Args:
        folder: Where zip files are kept.
        fetch: Downloads one; replaceable for tests and mirrors.
    """

    def __init__(self, folder: Path, fetch: Callable[[str], bytes] = download) -> None:
        self._folder = private_folder(folder)
        self._fetch = fetch

    def records(self, file: str, day: date) -> list[MasterRecord]:
        """Return all names of one file as of ``day``, in its order.

        Raises:
            Unreachable: it cannot be downloaded.
            KISAPIError: it is not such a file.
        """
        path = self._folder / f"{file}-{day:%Y%m%d}.zip"
        content = path.read_bytes() if path.is_file() else self._fetch(f"{HOST}/{file}.mst.zip")
        records = parse_master(_unzip(content, file), file)
        if not path.is_file():
            write_private(path, content)
        return records


def _unzip(content: bytes, file: str) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return archive.read(archive.namelist()[0])
    except (zipfile.BadZipFile, IndexError, RuntimeError, NotImplementedError) as error:
        raise KISAPIError(f"{file}: not a zip file of master data") from error
