"""Whether an Odoo is as it must be, and making it so."""
