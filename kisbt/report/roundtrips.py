"""Round trips as reports know them; the pairing itself is shared with reflection."""

from kisbt.journal.matching import OpenLot, Pairing, RoundTrip, pair_fills

__all__ = ["OpenLot", "Pairing", "RoundTrip", "pair_fills"]
