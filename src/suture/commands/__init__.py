"""What people do, once for console, API and command line alike: each command by its name, with its preconditions."""
