"""Rankings over the dataset's names, real only: volume, change, trade strength, market cap."""

from collections.abc import Callable

from kisbt.domain.market import Market
from kisbt.sim.exchange.names import NameDay
from kisbt.sim.exchange.views import base, listed_shares, strength
from kisbt.sim.rest import sheets_market as sheets
from kisbt.sim.rest.quote import day_strength, fund
from kisbt.sim.rest.wire import Answer, Call, filled, hms, quoted, rate, sign, ymd

ROWS = 30
_SORTS: dict[str, Callable[[NameDay], float]] = {
    "0": lambda n: n.price / (base(n) or 1),
    "1": lambda n: -n.price / (base(n) or 1),
    "2": lambda n: n.price / (n.open or 1),
    "3": lambda n: -n.price / (n.open or 1),
    "4": lambda n: (n.high - n.low) / (base(n) or 1),
}


def volume_rank(call: Call) -> Answer:
    """거래량순위: by volume; ``FID_BLNG_CLS_CODE`` 1 by growth, 3 by traded won, 4 by turnover."""
    exclude = call.get("FID_TRGT_EXLS_CLS_CODE")
    no_funds = len(exclude) >= 7 and "1" in (exclude[6], exclude[7:8])
    by = call.get("FID_BLNG_CLS_CODE", "0")
    keys: dict[str, Callable[[NameDay], float]] = {
        "1": lambda n: n.volume / (n.previous_volume or 1),
        "3": lambda n: n.value,
        "4": lambda n: n.value / (listed_shares(n) * n.price or 1),
    }
    names = [n for n in _names(call) if not (no_funds and fund(n))]
    ranked = _ranked(names, keys.get(by, lambda n: n.volume))
    rows = []
    for place, name in enumerate(ranked[:ROWS], 1):
        shares = listed_shares(name)
        values = _common(name, place) | {
            "mksc_shrn_iscd": name.ticker,
            "prdy_vol": name.previous_volume,
            "lstn_stcn": shares,
            "avrg_vol": name.volume,
            "vol_inrt": rate(name.volume, name.previous_volume),
            "vol_tnrt": rate(name.volume, shares),
            "nday_vol_tnrt": rate(name.volume, shares),
            "n_befr_clpr_vrss_prpr_rate": rate(name.price - base(name), base(name)),
            "avrg_tr_pbmn": name.value,
            "tr_pbmn_tnrt": rate(name.value, shares * name.price),
            "nday_tr_pbmn_tnrt": rate(name.value, shares * name.price),
            "acml_tr_pbmn": name.value,
        }
        rows.append(filled(sheets.VOLUME_RANK, values))
    return quoted(output=rows)


def fluctuation(call: Call) -> Answer:
    """등락률 순위. ``0000`` counts as 0: the largest rise first."""
    by = (call.get("FID_RANK_SORT_CLS_CODE") or "0").lstrip("0") or "0"
    low, high = _bound(call, "FID_RSFL_RATE1"), _bound(call, "FID_RSFL_RATE2")
    names = [
        n
        for n in _names(call)
        if (low is None or _change(n) >= low) and (high is None or _change(n) <= high)
    ]
    ranked = _ranked(names, _SORTS.get(by, _SORTS["0"]))
    rows = []
    for place, name in enumerate(ranked[:ROWS], 1):
        opened = name.open or name.price
        values = _common(name, place) | {
            "stck_shrn_iscd": name.ticker,
            "stck_hgpr": name.high,
            "hgpr_hour": hms(name.high_at),
            "acml_hgpr_date": ymd(name.day),
            "stck_lwpr": name.low,
            "lwpr_hour": hms(name.low_at),
            "acml_lwpr_date": ymd(name.day),
            "lwpr_vrss_prpr_rate": rate(name.price - name.low, name.low),
            "hgpr_vrss_prpr_rate": rate(name.price - name.high, name.high),
            "dsgt_date_clpr_vrss_prpr_rate": rate(name.price - base(name), base(name)),
            "oprc_vrss_prpr_sign": sign(name.price, opened),
            "oprc_vrss_prpr": name.price - opened,
            "oprc_vrss_prpr_rate": rate(name.price - opened, opened),
            "prd_rsfl": name.price - base(name),
            "prd_rsfl_rate": rate(name.price - base(name), base(name)),
        }
        rows.append(filled(sheets.FLUCTUATION, values))
    return quoted(output=rows)


def volume_power(call: Call) -> Answer:
    """체결강도 상위."""
    rows = []
    for place, name in enumerate(_ranked(_names(call), strength)[:ROWS], 1):
        values = _common(name, place) | {
            "stck_shrn_iscd": name.ticker,
            "tday_rltv": day_strength(name),
            "seln_cnqn_smtn": name.sold,
            "shnu_cnqn_smtn": name.bought,
        }
        rows.append(filled(sheets.VOLUME_POWER, values))
    return quoted(output=rows)


def market_cap(call: Call) -> Answer:
    """시가총액 상위. Shares outstanding are made up, see ``views.listed_shares``."""
    names = _names(call)
    worth = {name.ticker: listed_shares(name) * name.price for name in names}
    total = sum(worth.values())
    rows = []
    for place, name in enumerate(_ranked(names, lambda n: worth[n.ticker])[:ROWS], 1):
        values = _common(name, place) | {
            "mksc_shrn_iscd": name.ticker,
            "lstn_stcn": listed_shares(name),
            "stck_avls": worth[name.ticker] // 100_000_000,
            "mrkt_whol_avls_rlim": rate(worth[name.ticker], total),
        }
        rows.append(filled(sheets.MARKET_CAP, values))
    return quoted(output=rows)


def _names(call: Call) -> list[NameDay]:
    """Names that trade and pass the request's market, price and volume bounds."""
    scope = call.get("FID_INPUT_ISCD")
    market = {"0001": Market.KOSPI, "2001": Market.KOSPI, "1001": Market.KOSDAQ}.get(scope)
    low, high = _bound(call, "FID_INPUT_PRICE_1"), _bound(call, "FID_INPUT_PRICE_2")
    least = _bound(call, "FID_VOL_CNT")
    return [
        name
        for name in call.floor.listed()
        if name.volume
        and (market is None or name.instrument.market is market)
        and (not low or name.price >= low)
        and (not high or name.price <= high)
        and (not least or name.volume >= least)
    ]


def _ranked(names: list[NameDay], key: Callable[[NameDay], float]) -> list[NameDay]:
    return sorted(names, key=lambda name: (-key(name), name.ticker))


def _bound(call: Call, field: str) -> float | None:
    try:
        return float(call.get(field))
    except ValueError:
        return None


def _change(name: NameDay) -> float:
    return 100.0 * (name.price - base(name)) / (base(name) or 1)


def _common(name: NameDay, place: int) -> dict[str, object]:
    since = base(name)
    return {
        "hts_kor_isnm": name.instrument.name or name.ticker,
        "data_rank": place,
        "stck_prpr": name.price,
        "prdy_vrss": name.price - since,
        "prdy_vrss_sign": sign(name.price, since, name.band),
        "prdy_ctrt": rate(name.price - since, since),
        "acml_vol": name.volume,
    }
