"""Reports: tearsheet, comparison, run card."""
