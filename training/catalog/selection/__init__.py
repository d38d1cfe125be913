"""Which pictures form pairs."""
