"""``MarketView`` over live bars: at the same bars, the same answers as a replay gives."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime

from kisbt.adapter.bars import BarSet, LiveBar
from kisbt.data.features.incremental import IncrementalFeatures
from kisbt.data.manifest import CorporateAction
from kisbt.domain.market import Instrument, PriceBand, Quote
from kisbt.krx import calendar
from kisbt.krx.limits import base_price, price_band


class LiveMarketView:
    """The market at the current bar. Only Cerebro's thread may use it.

    Args:
        instruments: The universe by ticker.
        frequency: As in a dataset.
        actions: Splits known beforehand.
    """

    def __init__(
        self,
        instruments: Mapping[str, Instrument],
        *,
        frequency: str = "1d",
        actions: Iterable[CorporateAction] = (),
    ) -> None:
        self._instruments = {ticker: instruments[ticker] for ticker in sorted(instruments)}
        self._features = IncrementalFeatures(
            self._instruments, frequency=frequency, actions=actions
        )
        self._at: datetime | None = None
        self._rows: dict[str, dict[str, float | None]] = {}
        self._bars: Mapping[str, LiveBar] = {}
        self._closes: dict[str, int] = {}
        self._previous: dict[str, tuple[date, int, int]] = {}
        self._bands: dict[str, tuple[date, PriceBand]] = {}
        self.delayed = True
        self.ragged = False
        self._traded = dict.fromkeys(self._instruments, 0)

    def take(self, bars: BarSet) -> None:
        """Move on to the next bar."""
        self._bars = {t: bars.bars[t] for t in self._instruments if t in bars.bars}
        bases = {ticker: bar.base for ticker, bar in self._bars.items() if bar.base > 0}
        self._rows = self._features.update(bars.at, self._bars, bases=bases)
        self._at, self.delayed, self.ragged = bars.at, bars.delayed, bars.ragged
        day = bars.at.date()
        for ticker, bar in self._bars.items():
            seen, _, before = self._previous.get(ticker, (day, 0, 0))
            if seen != day:
                before = self._closes[ticker]
            self._previous[ticker] = day, bar.base, before
            self._closes[ticker] = bar.close
            self._traded[ticker] += bar.volume > 0

    @property
    def longest(self) -> int:
        """Bars of the name that has traded in most of them, history included."""
        return max(self._traded.values(), default=0)

    def set_bands(self, day: date, bands: Mapping[str, PriceBand]) -> None:
        """Take the venue's own price limits of one session."""
        for ticker, band in bands.items():
            self._bands[ticker] = day, band

    def now(self) -> datetime:
        """Close of the current bar, naive KST.

        Raises:
            LookupError: there has been no bar yet.
        """
        if self._at is None:
            raise LookupError("there has been no bar yet")
        return self._at

    def session(self) -> date:
        """Trading day in which an order sent now would trade."""
        return self._session(self.now())

    def features(self) -> dict[str, dict[str, float | None]]:
        """Feature rows of names whose bar is current."""
        return {ticker: dict(row) for ticker, row in self._rows.items()}

    def closes(self) -> dict[str, int]:
        """Last close of every name that has had a bar, won."""
        closes = self._closes
        return {ticker: closes[ticker] for ticker in self._instruments if ticker in closes}

    def quote(self, ticker: str) -> Quote | None:
        """Close, next band and whether the name traded in the current bar."""
        close = self._closes.get(ticker)
        if close is None:
            return None
        bar = self._bars.get(ticker)
        return Quote(close, self._next_band(ticker, close), bar is not None and bar.volume > 0)

    def instrument(self, ticker: str) -> Instrument | None:
        """The listed name."""
        return self._instruments.get(ticker)

    @property
    def names(self) -> Mapping[str, Instrument]:
        """The universe by ticker, sorted."""
        return self._instruments

    @property
    def tickers(self) -> Sequence[str]:
        """The universe, sorted."""
        return tuple(self._instruments)

    @staticmethod
    def _session(at: datetime) -> date:
        day = at.date()
        if calendar.is_session(day) and at < calendar.session_hours(day).close:
            return day
        return calendar.next_session(day)

    def _next_band(self, ticker: str, close: int) -> PriceBand | None:
        """The band of the next order: today's while the session runs, else around the close."""
        session, instrument = self.session(), self._instruments[ticker]
        told = self._bands.get(ticker)
        if told is not None and told[0] == session:
            return told[1]
        day, base, before = self._previous[ticker]
        if day != session:
            return _band(base_price_of(close, instrument, session), instrument, session)
        first_day = instrument.listed == session
        if base <= 0 and first_day and instrument.offer_price is not None:
            base = instrument.offer_price
        if base <= 0 and before > 0:
            base = base_price_of(before, instrument, session)
        return _band(base, instrument, session, first_day=first_day) if base > 0 else None


def base_price_of(close: int, instrument: Instrument, session: date) -> int:
    """The base price that a close leads to, won."""
    return base_price(close, instrument.market, session, instrument.product)


def _band(base: int, on: Instrument, session: date, *, first_day: bool = False) -> PriceBand:
    return price_band(base, on.market, session, on.product, on.leverage, first_day=first_day)
