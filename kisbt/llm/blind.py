"""Blind mode: a run's own names, prices and amounts, so that a model cannot recall the future.

What a mask hides, and what it shows instead:

- ticker and name: a code (``종목A``), dealt anew by every seed; no name, no sector;
- date, weekday, month, time and the run's length: nothing at all, every decision is "now", because
  a counter plus one remembered day would date the rest;
- price: today's close of a name always reads as the same made-up level, its own in every run.
  Average cost and limit prices are scaled by it, so ratios hold and no path can be followed;
- won: the account's equity always reads as one made-up amount; cash is scaled by it, and share
  quantities by both, so that weights hold;
- features in won or in days: steps (``columns.py``).

Percentages, ratios and indices stay, rounded to two places: they are what the prompt decides on. A
model that knew a whole history by heart could still match them; ``kisbt probe`` measures that.
"""

import re
from collections.abc import Iterable
from hashlib import sha256

from kisbt.data.features.catalogue import FEATURES
from kisbt.domain.market import Instrument
from kisbt.domain.state import DecisionContext
from kisbt.domain.trading import Action, Decision, TradingPlan
from kisbt.krx.ticks import round_down, round_up
from kisbt.rulebook.wording import CATEGORIES, EFFECTS, WORDINGS

PREFIX = "종목"

_CODE = re.compile(rf"{PREFIX}\s?([A-Z]{{1,4}})(?![A-Za-z])")
_DATE = re.compile(
    r"(?<!\d)(?:"
    r"(?:19|20)\d\d\s?년(?:\s?\d{1,2}\s?월)?(?:\s?\d{1,2}\s?일)?"
    r"|\d\d\s?년\s?\d{1,2}\s?월(?:\s?\d{1,2}\s?일)?"
    r"|\d{1,2}\s?월\s?\d{1,2}\s?일"
    r"|(?:19|20)\d\d(?:[-/]\d{1,2}(?:[-/]\d{1,2})?|\.\s?\d{1,2}\.\s?\d{1,2})(?!\d)"
    r"|(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?!\d)"
    r")"
)
_A_DATE = "(날짜)"
_ORDINARY = " ".join(
    [
        *CATEGORIES.values(),
        *EFFECTS.values(),
        *(wording.label + wording.spoken for wording in WORDINGS.values()),
        *(feature.name for feature in FEATURES),
    ]
)
_HANGUL_WORD = re.compile(r"[가-힣]{1,2}")


class Mask:
    """One run's disguise.

    The same seed and names give the same mask. A name that was not announced gets the next free
    code when it is first seen.

    Args:
        seed: Of the mask, not of the model.
        instruments: The whole universe, so that codes tell nothing of who is listed when.
    """

    def __init__(self, seed: int, instruments: Iterable[Instrument]) -> None:
        self.seed = seed
        known = {instrument.ticker: instrument for instrument in instruments}
        self._instruments = known
        self._ranks: dict[str, int] = {}
        self._tickers: dict[str, str] = {}
        self._codes: dict[str, str] = {}
        self._levels: dict[str, int] = {}
        for ticker in sorted(known, key=lambda t: (self._draw(f"name:{t}"), t)):
            self._deal(ticker)
        self.equity = 10_000_000 * (5 + self._draw("equity") % 46)
        self._names = _pattern(known.values())
        self._by_name = {i.name.casefold(): i.ticker for i in known.values()}

    @property
    def codes(self) -> tuple[str, ...]:
        """All codes dealt, in their own order."""
        return tuple(self._tickers)

    def rank(self, ticker: str) -> int:
        """Where a name stands in a masked table."""
        if ticker not in self._ranks:
            self._deal(ticker)
        return self._ranks[ticker]

    def code(self, ticker: str) -> str:
        """What a ticker is called in this run."""
        if ticker not in self._codes:
            self._deal(ticker)
        return self._codes[ticker]

    def level(self, ticker: str) -> int:
        """What today's close of a name reads as, in masked won."""
        if ticker not in self._levels:
            self._deal(ticker)
        return self._levels[ticker]

    def price(self, ticker: str, won: float, close: int) -> int:
        """A price of a name whose close is ``close`` won, in masked won."""
        return round(self.level(ticker) * won / close) if close > 0 else 0

    def money(self, won: int, equity: int) -> int:
        """An amount of an account worth ``equity`` won, in masked won."""
        return round(self.equity * won / equity) if equity > 0 else 0

    def shares(self, quantity: int, ticker: str, close: int, equity: int) -> int:
        """A number of shares, so that masked price times it keeps its share of equity."""
        if quantity <= 0 or equity <= 0 or close <= 0:
            return 0
        return max(1, round(quantity * close / equity * self.equity / self.level(ticker)))

    def scrub(self, text: str) -> str:
        """Text for a message: tickers and names become codes, calendar dates are struck out.

        Names of one or two Korean syllables, and names that are words of the rulebook itself, are
        left: they are ordinary words, and a dataset must not be able to edit a prompt by its names.
        """
        text = _DATE.sub(_A_DATE, text)
        return text if self._names is None else self._names.sub(self._masked, text)

    def reveal(self, text: str) -> str:
        """Text for people: codes become names with tickers."""
        return _CODE.sub(self._unmasked, text) if PREFIX in text else text

    def unmask(self, plan: TradingPlan, context: DecisionContext) -> TradingPlan:
        """The plan in real tickers, won and shares; absurd sizes stay absurd for node 4."""
        return TradingPlan.made(
            decisions=tuple(self._decision(decision, context) for decision in plan.decisions),
            comment=self.reveal(plan.comment),
        )

    def _decision(self, masked: Decision, context: DecisionContext) -> Decision:
        ticker = self._tickers[masked.ticker]
        quantity, limit = masked.quantity, masked.limit_price
        return Decision.made(
            ticker=ticker,
            action=masked.action,
            target_weight=masked.target_weight,
            quantity=None if quantity is None else self._quantity(ticker, masked, context),
            limit_price=None if limit is None else self._limit(ticker, masked, context),
            confidence=masked.confidence,
            justification=self.reveal(masked.justification),
            rules=masked.rules,
            agreement=masked.agreement,
        )

    def _quantity(self, ticker: str, masked: Decision, context: DecisionContext) -> int:
        wanted = masked.quantity or 0
        close, equity = context.market.closes.get(ticker, 0), context.portfolio.equity
        position = context.portfolio.position(ticker)
        if masked.action is Action.SELL and position is not None:
            shown = self.shares(position.quantity, ticker, position.last_price, equity)
            return wanted * position.quantity // shown if shown else 0
        if close <= 0 or equity <= 0:
            return 0
        return wanted * self.level(ticker) * equity // (self.equity * close)

    def _limit(self, ticker: str, masked: Decision, context: DecisionContext) -> int:
        close = context.market.closes.get(ticker, 0)
        won = max(1, round((masked.limit_price or 0) * close / self.level(ticker)))
        instrument = self._instruments.get(ticker)
        if instrument is None:
            return won
        to_tick = round_up if masked.action is Action.SELL else round_down
        return to_tick(won, instrument.market, context.tick.session, instrument.product)

    def _deal(self, ticker: str) -> None:
        rank = len(self._ranks)
        code = PREFIX + _letters(rank)
        self._ranks[ticker] = rank
        self._codes[ticker] = code
        self._tickers[code] = ticker
        self._levels[ticker] = 5_000 + 50 * (self._draw(f"level:{rank}") % 900)

    def _draw(self, what: str) -> int:
        return int.from_bytes(sha256(f"kisbt mask {self.seed} {what}".encode()).digest()[:8])

    def _masked(self, match: re.Match[str]) -> str:
        found = match.group()
        return self.code(self._by_name.get(found.casefold(), found.upper()))

    def _unmasked(self, match: re.Match[str]) -> str:
        ticker = self._tickers.get(PREFIX + match.group(1))
        if ticker is None:
            return match.group()
        instrument = self._instruments.get(ticker)
        return f"{instrument.name}({ticker})" if instrument and instrument.name else ticker


def read_code(text: str) -> str:
    """The code as it was dealt, from the ways in which models write it back."""
    letters = text.strip().removeprefix(PREFIX).strip()
    return PREFIX + letters if letters.isascii() and letters.isalpha() else text


def _letters(rank: int) -> str:
    text = ""
    rank += 1
    while rank:
        rank, letter = divmod(rank - 1, 26)
        text = chr(ord("A") + letter) + text
    return text


def _pattern(instruments: Iterable[Instrument]) -> re.Pattern[str] | None:
    words = set()
    for instrument in instruments:
        words.add(instrument.ticker)
        if _tells(instrument.name):
            words.add(instrument.name)
    if not words:
        return None
    longest = sorted(words, key=lambda word: (-len(word), word))
    either = "|".join(re.escape(word) for word in longest)
    return re.compile(rf"(?<![0-9A-Za-z가-힣])(?:{either})(?![0-9A-Za-z])", re.IGNORECASE)


def _tells(name: str) -> bool:
    """Whether a name in running text can only mean the company."""
    if len(name) < 2 or _HANGUL_WORD.fullmatch(name):
        return False
    return any(c.isalpha() for c in name) and name.casefold() not in _ORDINARY.casefold()
