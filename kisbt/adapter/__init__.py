"""The only package that subclasses backtrader: feeds, brokers, analyzers, views."""
