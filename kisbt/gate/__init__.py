"""The gate: whether a challenger may take the champion's place. Knows nothing of LLMs.

``gate.gate`` is the door (its docstring shows the whole course); ``selection`` the tests as pure
functions; ``development`` steps 2 to 5; ``shadow`` steps 7 and 9; ``registry``, ``budget`` and
``state`` read the ledger; ``calibrate`` measures how often all this is wrong.
"""
