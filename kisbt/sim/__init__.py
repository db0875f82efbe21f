"""A KIS server on loopback: exchange, REST, stream and faults. Knows nothing of the client."""
