"""Reports: tearsheet, comparison, trades, figures and the run card."""
