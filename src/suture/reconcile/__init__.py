"""Is anything missing, on either side? Reads the outside systems themselves and compares."""
