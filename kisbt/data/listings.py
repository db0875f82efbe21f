"""Listing and delisting days as the bars themselves tell them."""

from datetime import date

from kisbt.data.dataset import BarTable
from kisbt.domain.market import Instrument
from kisbt.krx.limits import FIRST_DAY_SINCE, price_band

DELISTED_MARK = "[상폐]"
"""How FinanceDataReader marks the names of delisted shares."""


def with_life(instrument: Instrument, table: BarTable, start: date) -> tuple[Instrument, list[str]]:
    """Add the listing or delisting day where the bars leave no doubt; notes say so.

    A first bar later than ``start`` (the dataset's first day) whose range breaks the ordinary
    limits around its base, but not those of a first day, is an offering at that base. A name
    that its source marks as delisted ended with its last bar.
    """
    notes = []
    first = table.times[0].astype("datetime64[D]").astype(object)
    base = int(table.base[0])
    if instrument.listed is None and first > start and first >= FIRST_DAY_SINCE and base > 0:
        low, high = int(table.low[0]), int(table.high[0])
        usual = price_band(base, instrument.market, first, instrument.product, instrument.leverage)
        wide = price_band(base, instrument.market, first, first_day=True)
        ordinary = usual.lower <= low and high <= usual.upper
        if not ordinary and wide.lower <= low and high <= wide.upper:
            instrument = instrument.model_copy(update={"listed": first, "offer_price": base})
            notes.append(f"listing (신규상장) of {table.ticker} on {first} at {base:,} won")
    if instrument.delisted is None and instrument.name.startswith(DELISTED_MARK):
        last = table.times[-1].astype("datetime64[D]").astype(object)
        instrument = instrument.model_copy(update={"delisted": last})
    return instrument, notes
