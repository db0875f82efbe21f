"""What tokens cost. The table is the user's own (``[llm.prices]``): providers change theirs."""

from typing import NamedTuple

from kisbt.config import LLMSettings


class Cost(NamedTuple):
    """The cost of one exchange, in US dollars and won."""

    usd: float
    krw: float


class PriceList:
    """Prices one model's tokens.

    Args:
        settings: Names the model and holds the table; ``known`` says whether the model is in it.
            A model that is not costs nothing, as one on this machine does.
    """

    def __init__(self, settings: LLMSettings) -> None:
        price = settings.prices.get(settings.model)
        self.known = price is not None
        self._usd_krw = settings.usd_krw
        self._input = self._cached = self._output = 0.0
        if price is not None:
            self._input, self._output = price.input, price.output
            self._cached = price.input if price.cached_input is None else price.cached_input

    def cost(self, tokens_in: int, tokens_out: int, tokens_cached: int = 0) -> Cost:
        """Price one exchange; ``tokens_cached`` of ``tokens_in`` were a kept prefix."""
        cached = min(tokens_cached, tokens_in)
        millions = (
            (tokens_in - cached) * self._input + cached * self._cached + tokens_out * self._output
        )
        usd = millions / 1e6
        return Cost(usd, usd * self._usd_krw)
