"""Statistics of differences between runs. Numbers in, numbers out; knows no run and no model.

Differences are float64 [days, versions], challenger minus champion, net of all costs.
"""
