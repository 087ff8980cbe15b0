"""Postgres: migrations, named SQL, inbox, events, processes, exceptions, sealed records."""
