"""Calls for rankings (순위). On paper they are made of the universe's own quotes."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kisbt.kis import endpoints as at
from kisbt.kis.answers import read, read_rows
from kisbt.kis.endpoints import Endpoint
from kisbt.kis.errors import KISAPIError, NotOnPaper
from kisbt.kis.models.quotes import Price, Ranked
from kisbt.kis.quotes import QuoteCalls

ALL, KOSPI, KOSDAQ, KOSPI200 = "0000", "0001", "1001", "2001"

_Measure = Callable[[str, Price], float | None]


class RankingCalls(QuoteCalls):
    """Part of ``KISClient``.

    KIS serves no ranking on paper. There, ``universe`` (tickers) is quoted instead and ranked
    here, at most 30 rows: a ranking of that universe, not of the market. Without one, and none
    given to the client, the calls raise ``NotOnPaper``.
    """

    _universe: tuple[str, ...]

    def volume_rank(
        self, sector: str = ALL, *, by: str = "0", universe: Sequence[str] = ()
    ) -> tuple[Ranked, ...]:
        """Return the ranking by volume (거래량순위), first first.

        Args:
            sector: ``ALL`` or a sector code.
            by: 0 average volume, 1 volume increase, 2 average turnover, 3 value traded (거래금액),
                4 average turnover of value. On paper 3 ranks by value, anything else by volume.
            universe: Tickers that stand in for the market on paper.
        """
        params = {
            "FID_COND_MRKT_DIV_CODE": "J",
            "FID_COND_SCR_DIV_CODE": "20171",
            "FID_INPUT_ISCD": sector,
            "FID_DIV_CLS_CODE": "0",
            "FID_BLNG_CLS_CODE": by,
            "FID_TRGT_CLS_CODE": "111111111",
            "FID_TRGT_EXLS_CLS_CODE": "0000000000",
            "FID_INPUT_PRICE_1": "",
            "FID_INPUT_PRICE_2": "",
            "FID_VOL_CNT": "",
            "FID_INPUT_DATE_1": "",
        }
        if by == "3":
            return self._rank(at.VOLUME_RANK, params, universe, lambda _, p: p.value_traded)
        return self._rank(at.VOLUME_RANK, params, universe, lambda _, p: p.volume)

    def fluctuation(
        self, sector: str = ALL, *, falling: bool = False, universe: Sequence[str] = ()
    ) -> tuple[Ranked, ...]:
        """Return the ranking by change against the previous close (등락률 순위), first first."""
        params = {
            "fid_cond_mrkt_div_code": "J",
            "fid_cond_scr_div_code": "20170",
            "fid_input_iscd": sector,
            "fid_rank_sort_cls_code": "1" if falling else "0",
            "fid_input_cnt_1": "0",
            "fid_prc_cls_code": "1",
            **_blank_filters(),
            "fid_rsfl_rate1": "",
            "fid_rsfl_rate2": "",
        }
        sign = -1 if falling else 1
        return self._rank(
            at.FLUCTUATION,
            params,
            universe,
            lambda _, p: None if p.change_pct is None else sign * p.change_pct,
        )

    def volume_power(
        self, sector: str = ALL, *, universe: Sequence[str] = ()
    ) -> tuple[Ranked, ...]:
        """Return the ranking by 체결강도, first first. On paper two calls a name."""
        params = {
            "fid_cond_mrkt_div_code": "J",
            "fid_cond_scr_div_code": "20168",
            "fid_input_iscd": sector,
            **_blank_filters(),
        }
        return self._rank(at.VOLUME_POWER, params, universe, self._strength)

    def market_cap(self, sector: str = ALL, *, universe: Sequence[str] = ()) -> tuple[Ranked, ...]:
        """Return the ranking by market value (시가총액, in 억원), first first."""
        params = {
            "fid_cond_mrkt_div_code": "J",
            "fid_cond_scr_div_code": "20174",
            "fid_input_iscd": sector,
            **_blank_filters(),
        }
        return self._rank(at.MARKET_CAP, params, universe, lambda _, p: p.market_cap)

    def _strength(self, ticker: str, price: Price) -> float | None:
        ticks = self.inquire_ccnl(ticker)
        return ticks[0].strength if ticks else None

    def _rank(
        self,
        endpoint: Endpoint,
        params: Mapping[str, str],
        universe: Sequence[str],
        measure: _Measure,
    ) -> tuple[Ranked, ...]:
        if self._market.serves(endpoint):
            return read_rows(endpoint, Ranked.from_row, self._market.call(endpoint, params))
        names = tuple(universe) or self._universe
        if not names:
            raise NotOnPaper(
                f"{endpoint.name} ({endpoint.korean}) is not served on paper (모의투자)",
                hint="give universe=, whose quotes are then ranked instead",
            )
        batch = self.quotes(names)
        if not batch.prices:
            raise KISAPIError(f"{endpoint.name}: no name of the universe could be quoted")
        measured = [
            (value, ticker, price)
            for ticker, price in batch.prices.items()
            if (value := measure(ticker, price)) is not None
        ]
        measured.sort(key=lambda entry: (-entry[0], entry[1]))
        return tuple(_ranked(rank, endpoint, *entry) for rank, entry in enumerate(measured[:30], 1))


def _ranked(rank: int, endpoint: Endpoint, value: float, ticker: str, price: Price) -> Ranked:
    raw: dict[str, Any] = {
        "data_rank": rank,
        "ticker": ticker,
        "stck_prpr": price.price,
        "prdy_vrss": price.change,
        "prdy_ctrt": price.change_pct,
        "acml_vol": price.volume,
        "acml_tr_pbmn": price.value_traded,
        "stck_avls": price.market_cap,
        "tday_rltv": value if endpoint is at.VOLUME_POWER else None,
    }
    return read(endpoint, Ranked.from_row, raw)


def _blank_filters() -> dict[str, str]:
    return {
        "fid_trgt_cls_code": "0",
        "fid_trgt_exls_cls_code": "0",
        "fid_div_cls_code": "0",
        "fid_input_price_1": "",
        "fid_input_price_2": "",
        "fid_vol_cnt": "",
    }
