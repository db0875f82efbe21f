"""Datasets: format, loading, checks, imports, the synthetic market, and the feature catalogue."""
