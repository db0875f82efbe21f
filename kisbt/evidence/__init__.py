"""Statistics of differences between runs. Numbers in, numbers out; knows no run and no model."""
