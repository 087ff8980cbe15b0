"""A clinic's day as data: who comes, what is delivered, what it costs and who pays. No I/O but reading files."""
