"""Runs: the one way to build a Cerebro, and the modes that use it."""
