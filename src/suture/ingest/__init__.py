"""From stored deliveries to recorded events: decode, validate, map; then record, in one transaction."""
