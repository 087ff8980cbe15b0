"""Settings and wiring: the one place that knows which parts there are and puts them together."""
