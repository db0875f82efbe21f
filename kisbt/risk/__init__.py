"""Risk limits and measures as pure functions."""
