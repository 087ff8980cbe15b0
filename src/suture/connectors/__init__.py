"""The only rooms that talk to outside systems: one folder a system, each behind a port of `port.py`."""
