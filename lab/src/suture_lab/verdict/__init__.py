"""Whether a played day came out as its plan makes due, judged by what the outside systems saw."""
