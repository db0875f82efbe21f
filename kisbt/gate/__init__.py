"""The gate: whether a challenger may take the champion's place. Knows nothing of LLMs."""
