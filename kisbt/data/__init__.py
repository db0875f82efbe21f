"""Datasets: format, loading, checks, import, download, the synthetic market, features."""
