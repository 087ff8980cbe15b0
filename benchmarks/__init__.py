"""Measurements, as ratios within one run where two things are compared. `python -m benchmarks --help`."""
