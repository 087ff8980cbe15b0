"""Which record of Odoo's stands for what of ours: external ids, contacts, products, a company's configuration."""
