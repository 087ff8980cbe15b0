"""Where Suture is tried: simulated outside systems, a day that is played on them, and an independent verdict."""
