"""Independent checks of finished runs; shares no code path with the brokers."""
