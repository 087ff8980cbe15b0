"""``suture demo``: a clinic's day from booking to paid invoices, with everything it needs."""
