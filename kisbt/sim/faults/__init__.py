"""What can go wrong on purpose: profiles, seeded draws, and the log of what was injected."""
