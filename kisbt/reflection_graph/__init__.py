"""Reflection, M1 to M4: from journals to rules to the next prompt version."""
