"""The operating graph: six nodes, one tick a decision bar."""
