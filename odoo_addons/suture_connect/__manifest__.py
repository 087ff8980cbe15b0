{
    "name": "Suture Connect",
    "version": "1.0.0",
    "category": "Accounting",
    "summary": "One-call posting, an outbox of changes and a health page for Suture",
    "description": """
Optional for Suture, which also works without it: entries are written, posted and reconciled in one call and one
transaction, what people change or delete is noted in the transaction that does it, a page says how it
stands, and printed invoices leave out technical codes.
""",
    "author": "Suture",
    "license": "LGPL-3",
    "depends": ["account"],
    "data": [
        "security/ir.model.access.csv",
        "views/outbox.xml",
        "views/health.xml",
        "views/report_invoice.xml",
    ],
    "installable": True,
    "application": False,
}
