"""KIS's REST surface: a request in, a KIS-shaped body out. One module an endpoint group."""
