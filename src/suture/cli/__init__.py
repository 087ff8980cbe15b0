"""The command line: a door to `operate` and the roles' starting point."""
