"""The command line: a door to views and commands, and the roles' starting point."""
