"""What is kept of events for people to look at: a subscriber to the backbone."""
