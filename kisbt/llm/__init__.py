"""Deciders: what answers node 3."""
