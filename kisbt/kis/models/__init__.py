"""Typed answers of KIS. Field names are ours, aliases are KIS's; units are in the types."""
