"""The event backbone: recorded events, published to JetStream, where anyone may subscribe independently."""
