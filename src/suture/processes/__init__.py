"""Durable business processes, declared as data (`definitions/`) and run by an engine behind a port."""
