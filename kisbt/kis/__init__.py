"""The KIS (한국투자증권) Open API client; knows nothing of backtrader.

``config.load_config`` reads the user's keys, ``client.KISClient`` makes every call,
``stream.KISStream`` listens, ``ledger.OrderLedger`` keeps what became of orders, and
``backfill.Backfill`` asks for what the stream missed. Underneath, ``session`` turns answers into
the outcomes of ``errors``, over ``wire`` (HTTP), ``auth`` (tokens) and ``limits`` (rates).
"""
