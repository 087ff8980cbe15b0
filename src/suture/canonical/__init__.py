"""The language of the house: frozen records and business events, versioned, the same for every system."""
