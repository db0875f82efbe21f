"""A seeded synthetic market (가상 시장) that obeys the rules of KRX. Nothing in it is real."""

from kisbt.data.synth.market import SynthSpec, make_market, make_minutes

__all__ = ["SynthSpec", "make_market", "make_minutes"]
