"""KIS's WebSocket: registrations, acknowledgements, data frames, encrypted notices."""
