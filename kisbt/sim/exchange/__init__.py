"""The venue and its accounts, free of HTTP: clock, paths, orders, matching, books."""
