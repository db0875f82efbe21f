"""Prices, ticks, order books, investors and rankings."""

from typing import Any, NamedTuple, Self

from pydantic import Field

from kisbt.kis.models.fields import (
    Count,
    Key,
    MaybeDay,
    MaybeDecimal,
    MaybeFlag,
    MaybeInt,
    MaybePercent,
    MaybeShares,
    MaybeTime,
    MaybeWon,
    Row,
    Shares,
    Sign,
    Text,
    Time,
    Won,
    parse_int,
)


class Price(Row):
    """Current price of one name (주식현재가). ``price`` of 0 means that there is none.

    ``market_cap`` and ``capital`` are in 억원 (100,000,000 won); ``status`` is
    ``iscd_stat_cls_code`` (58 halted, 59 overheated, 51 administrative ...).
    """

    price: Won = Field(alias="stck_prpr")
    ticker: Text = Field("", alias="stck_shrn_iscd")
    change: MaybeWon = Field(None, alias="prdy_vrss")
    sign: Sign = Field(None, alias="prdy_vrss_sign")
    change_pct: MaybePercent = Field(None, alias="prdy_ctrt")
    volume: MaybeShares = Field(None, alias="acml_vol")
    value_traded: MaybeWon = Field(None, alias="acml_tr_pbmn")
    volume_vs_previous_pct: MaybePercent = Field(None, alias="prdy_vrss_vol_rate")
    open: MaybeWon = Field(None, alias="stck_oprc")
    high: MaybeWon = Field(None, alias="stck_hgpr")
    low: MaybeWon = Field(None, alias="stck_lwpr")
    upper_limit: MaybeWon = Field(None, alias="stck_mxpr")
    lower_limit: MaybeWon = Field(None, alias="stck_llam")
    base_price: MaybeWon = Field(None, alias="stck_sdpr")
    average_price: MaybeDecimal = Field(None, alias="wghn_avrg_stck_prc")
    tick_size: MaybeWon = Field(None, alias="aspr_unit")
    market: Text = Field("", alias="rprs_mrkt_kor_name")
    sector: Text = Field("", alias="bstp_kor_isnm")
    status: Text = Field("", alias="iscd_stat_cls_code")
    margin_pct: MaybePercent = Field(None, alias="marg_rate")
    listed_shares: MaybeShares = Field(None, alias="lstn_stcn")
    market_cap: MaybeInt = Field(None, alias="hts_avls")
    face_value: MaybeWon = Field(None, alias="stck_fcam")
    capital: MaybeInt = Field(None, alias="cpfn")
    turnover_pct: MaybePercent = Field(None, alias="vol_tnrt")
    per: MaybeDecimal = None
    pbr: MaybeDecimal = None
    eps: MaybeDecimal = None
    bps: MaybeDecimal = None
    year_high: MaybeWon = Field(None, alias="w52_hgpr")
    year_high_day: MaybeDay = Field(None, alias="w52_hgpr_date")
    year_low: MaybeWon = Field(None, alias="w52_lwpr")
    year_low_day: MaybeDay = Field(None, alias="w52_lwpr_date")
    foreign_held_pct: MaybePercent = Field(None, alias="hts_frgn_ehrt")
    foreign_net_bought: MaybeShares = Field(None, alias="frgn_ntby_qty")
    program_net_bought: MaybeShares = Field(None, alias="pgtr_ntby_qty")
    suspended: MaybeFlag = Field(None, alias="temp_stop_yn")
    vi_code: Text = Field("", alias="vi_cls_code")
    warning: Text = Field("", alias="mrkt_warn_cls_code")
    overheated: MaybeFlag = Field(None, alias="short_over_yn")
    liquidation: MaybeFlag = Field(None, alias="sltr_yn")
    administrative: MaybeFlag = Field(None, alias="mang_issu_cls_code")

    @property
    def in_vi(self) -> bool:
        """Whether a volatility interruption (VI, 변동성완화장치) is on."""
        return self.vi_code not in ("", "N", "0")

    @property
    def halted(self) -> bool:
        """Whether trading is halted (거래정지)."""
        return self.status == "58" or self.suspended is True


class PriceDetail(Row):
    """Second page of the current price (시세2): flags and the previous session."""

    price: Won = Field(alias="stck_prpr")
    previous_close: MaybeWon = Field(None, alias="stck_prdy_clpr")
    previous_volume: MaybeShares = Field(None, alias="prdy_vol")
    base_price: MaybeWon = Field(None, alias="stck_sdpr")
    upper_limit: MaybeWon = Field(None, alias="stck_mxpr")
    lower_limit: MaybeWon = Field(None, alias="stck_llam")
    limit_code: Text = Field("", alias="mxpr_llam_cls_code")
    halted: MaybeFlag = Field(None, alias="trht_yn")
    liquidation: MaybeFlag = Field(None, alias="sltr_yn")
    administrative: MaybeFlag = Field(None, alias="mang_issu_yn")
    caution: MaybeFlag = Field(None, alias="invt_caful_yn")
    vi_code: Text = Field("", alias="vi_cls_code")


class QuickPrice(Row):
    """One row of the watch-list query (관심종목): up to 30 names in one call."""

    ticker: Key = Field(alias="inter_shrn_iscd")
    name: Text = Field("", alias="inter_kor_isnm")
    price: Won = Field(alias="inter2_prpr")
    change: MaybeWon = Field(None, alias="inter2_prdy_vrss")
    change_pct: MaybePercent = Field(None, alias="prdy_ctrt")
    volume: MaybeShares = Field(None, alias="acml_vol")
    value_traded: MaybeWon = Field(None, alias="acml_tr_pbmn")
    open: MaybeWon = Field(None, alias="inter2_oprc")
    high: MaybeWon = Field(None, alias="inter2_hgpr")
    low: MaybeWon = Field(None, alias="inter2_lwpr")
    upper_limit: MaybeWon = Field(None, alias="inter2_mxpr")
    lower_limit: MaybeWon = Field(None, alias="inter2_llam")
    ask: MaybeWon = Field(None, alias="inter2_askp")
    bid: MaybeWon = Field(None, alias="inter2_bidp")
    base_price: MaybeWon = Field(None, alias="inter2_sdpr")


class TickRow(Row):
    """One trade of the latest (체결). ``strength`` is 체결강도 in percent."""

    at: Time = Field(alias="stck_cntg_hour")
    price: Won = Field(alias="stck_prpr")
    volume: Shares = Field(alias="cntg_vol")
    change: MaybeWon = Field(None, alias="prdy_vrss")
    sign: Sign = Field(None, alias="prdy_vrss_sign")
    change_pct: MaybePercent = Field(None, alias="prdy_ctrt")
    strength: MaybePercent = Field(None, alias="tday_rltv")


class TimedTick(Row):
    """One row of the trades by time (시간대별체결). ``day_volume`` is cumulative."""

    at: Time = Field(alias="stck_cntg_hour")
    price: Won = Field(alias="stck_prpr")
    volume: MaybeShares = Field(None, alias="cnqn")
    day_volume: MaybeShares = Field(None, alias="acml_vol")
    ask: MaybeWon = Field(None, alias="askp")
    bid: MaybeWon = Field(None, alias="bidp")
    strength: MaybePercent = Field(None, alias="tday_rltv")


class Level(NamedTuple):
    """One step of the order book: won and shares waiting."""

    price: int
    quantity: int


class OrderBook(Row):
    """The order book (호가) and the expected match (예상체결).

    ``asks`` and ``bids`` start with the best price; missing levels are left out. ``phase`` is
    ``new_mkop_cls_code``: 20 in regular trading.
    """

    asks: tuple[Level, ...]
    bids: tuple[Level, ...]
    at: MaybeTime = Field(None, alias="aspr_acpt_hour")
    total_ask: MaybeShares = Field(None, alias="total_askp_rsqn")
    total_bid: MaybeShares = Field(None, alias="total_bidp_rsqn")
    phase: Text = Field("", alias="new_mkop_cls_code")
    price: MaybeWon = Field(None, alias="stck_prpr")
    base_price: MaybeWon = Field(None, alias="stck_sdpr")
    expected_price: MaybeWon = Field(None, alias="antc_cnpr")
    expected_volume: MaybeShares = Field(None, alias="antc_vol")
    vi_code: Text = Field("", alias="vi_cls_code")

    @classmethod
    def from_outputs(cls, book: dict[str, Any], match: dict[str, Any]) -> Self:
        """Build it from ``output1`` (the levels) and ``output2`` (the expected match)."""
        return cls.model_validate(
            {**match, **book, "asks": _levels(book, "askp"), "bids": _levels(book, "bidp")}
        )


def _levels(book: dict[str, Any], side: str) -> tuple[Level, ...]:
    levels = []
    for depth in range(1, 11):
        price = str(book.get(f"{side}{depth}") or "0").strip() or "0"
        if (won := parse_int(price)) > 0:
            quantity = str(book.get(f"{side}_rsqn{depth}") or "0").strip() or "0"
            levels.append(Level(won, parse_int(quantity)))
    return tuple(levels)


class InvestorDay(Row):
    """Net buying by investor group on one day; today's row is blank before the close.

    Quantities in shares, values in 백만원 (1,000,000 won).
    """

    day: MaybeDay = Field(None, alias="stck_bsop_date")
    close: MaybeWon = Field(None, alias="stck_clpr")
    individuals: MaybeShares = Field(None, alias="prsn_ntby_qty")
    foreigners: MaybeShares = Field(None, alias="frgn_ntby_qty")
    institutions: MaybeShares = Field(None, alias="orgn_ntby_qty")
    individuals_value: MaybeInt = Field(None, alias="prsn_ntby_tr_pbmn")
    foreigners_value: MaybeInt = Field(None, alias="frgn_ntby_tr_pbmn")
    institutions_value: MaybeInt = Field(None, alias="orgn_ntby_tr_pbmn")


class Ranked(Row):
    """One row of a ranking. ``measure`` is what was ranked by, where KIS has a field for it.

    KIS names the ticker differently from ranking to ranking; here it is always ``ticker``.
    """

    rank: Count = Field(alias="data_rank")
    ticker: Key
    name: Text = Field("", alias="hts_kor_isnm")
    price: Won = Field(alias="stck_prpr")
    change: MaybeWon = Field(None, alias="prdy_vrss")
    change_pct: MaybePercent = Field(None, alias="prdy_ctrt")
    volume: MaybeShares = Field(None, alias="acml_vol")
    value_traded: MaybeWon = Field(None, alias="acml_tr_pbmn")
    previous_volume: MaybeShares = Field(None, alias="prdy_vol")
    average_volume: MaybeShares = Field(None, alias="avrg_vol")
    volume_increase_pct: MaybePercent = Field(None, alias="vol_inrt")
    strength: MaybePercent = Field(None, alias="tday_rltv")
    market_cap: MaybeInt = Field(None, alias="stck_avls")

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        """Read a row, whichever name its ticker has."""
        ticker = row.get("stck_shrn_iscd") or row.get("mksc_shrn_iscd") or row.get("ticker")
        return cls.model_validate({**row, "ticker": ticker})
