"""The KIS (한국투자증권) Open API client; knows nothing of backtrader."""
