"""What a visit consumed, lot by lot, and what procurement says of it."""
