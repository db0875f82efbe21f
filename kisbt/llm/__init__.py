"""Deciders: what answers node 3 of the operating graph."""
