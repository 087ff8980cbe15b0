"""What is owed and paid: invoices, credit notes, payments, adjustments, refunds."""
