"""Who acts, and with what: each act is allowed or refused, and written to the audit trail once."""
