"""Commission of the broker, and the transaction tax (증권거래세) with the rural tax (농어촌특별세).

Source:
    The tax falls on the seller. Its rate goes by the day of transfer, which is settlement (T+2),
    so that each rate begins with the first trade that settles under it: Hanyang Securities
    2024-12-26 (2024-12-27), Hankookilbo 2019-05-21 (2019-05-30), MOEF 2025-12-01 (2026 rates).
    ETF, ETN and ELW are exempt. KONEX 0.10 % since 2019-06-03. Rates before 2019 as of 1996.
    How a broker cuts fractions of a won is unverified; here both are cut down.
"""

from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple, Self

from kisbt.config import CostSettings
from kisbt.domain.market import Market, Product
from kisbt.krx.rates import exact_ratio

_STOCK = Product.STOCK
_KONEX = Market.KONEX


class TaxPeriod(NamedTuple):
    """Rates in millionths of the proceeds, by settlement date, newest table row first.

    ``first_trade`` is the first session whose trades settle on ``since`` or later.
    """

    since: date
    first_trade: date
    shares: int
    konex: int


TAX_PERIODS: tuple[TaxPeriod, ...] = (
    TaxPeriod(date(2026, 1, 1), date(2025, 12, 29), 2_000, 1_000),
    TaxPeriod(date(2025, 1, 1), date(2024, 12, 27), 1_500, 1_000),
    TaxPeriod(date(2024, 1, 1), date(2023, 12, 27), 1_800, 1_000),
    TaxPeriod(date(2023, 1, 1), date(2022, 12, 28), 2_000, 1_000),
    TaxPeriod(date(2021, 1, 1), date(2020, 12, 29), 2_300, 1_000),
    TaxPeriod(date(2019, 6, 3), date(2019, 5, 30), 2_500, 1_000),
    TaxPeriod(date.min, date.min, 3_000, 3_000),
)
"""Newest first: the usual day is found at once."""


def sell_tax_rate(market: Market, product: Product, traded_on: date) -> int:
    """Return the tax on a sale traded on a session, in millionths of the proceeds."""
    if product is not _STOCK:
        return 0
    period = next(each for each in TAX_PERIODS if traded_on >= each.first_trade)
    return period.konex if market is _KONEX else period.shares


@dataclass(frozen=True, slots=True)
class CostModel:
    """What one account pays. Rates are fractions of the traded amount, per side.

    With ``tax`` false no transaction tax is taken, whatever the law says.
    """

    commission_rate: float
    etf_commission_rate: float
    tax: bool
    _stock: tuple[int, int] = field(init=False, repr=False, compare=False)
    _fund: tuple[int, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_stock", exact_ratio(self.commission_rate))
        object.__setattr__(self, "_fund", exact_ratio(self.etf_commission_rate))

    @classmethod
    def from_settings(cls, settings: CostSettings) -> Self:
        """Build the model that the settings describe."""
        return cls(settings.commission_rate, settings.etf_commission_rate, settings.tax)

    @classmethod
    def free(cls) -> Self:
        """Build the model of the zero-cost twin: no commission, no tax."""
        return cls(0.0, 0.0, False)

    def commission(self, amount: int, product: Product) -> int:
        """Return the broker's fee on a traded ``amount`` of won, cut to whole won."""
        top, bottom = self._stock if product is _STOCK else self._fund
        return amount * top // bottom

    def sell_tax(self, amount: int, market: Market, product: Product, traded_on: date) -> int:
        """Return the tax on a sale of ``amount`` won, cut to whole won."""
        if not self.tax:
            return 0
        return amount * sell_tax_rate(market, product, traded_on) // 1_000_000

    def buy_total(self, price: int, quantity: int, product: Product) -> int:
        """Return the cash that a buy takes, commission included.

        Filled in parts it never takes more, because each part's fee is cut down.
        """
        amount = price * quantity
        return amount + self.commission(amount, product)
