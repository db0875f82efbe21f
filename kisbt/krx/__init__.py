"""Korean market rules as pure functions, each with its source and first valid day."""
