"""What a company's chart of accounts, taxes and journals are before anybody changes them, as data."""

RECEIVABLE, PAYABLE = "121000", "211000"
INCOME, EXPENSE, SALE_TAX, PURCHASE_TAX = "400000", "600000", "251000", "131000"
GAIN, LOSS = "441000", "641000"

ACCOUNTS = (
    ("101401", "Bank", "asset_cash", False),
    ("101402", "Bank suspense", "asset_current", False),
    ("101403", "Receipts under way", "asset_current", True),
    ("101404", "Payments under way", "asset_current", True),
    ("101501", "Cash", "asset_cash", False),
    ("110100", "Inventory value", "asset_current", False),
    (RECEIVABLE, "Customers", "asset_receivable", True),
    (PURCHASE_TAX, "Taxes paid", "asset_current", False),
    (PAYABLE, "Suppliers", "liability_payable", True),
    ("230000", "Salaries payable", "liability_current", True),
    (SALE_TAX, "Taxes received", "liability_current", False),
    (INCOME, "Sales", "income", False),
    (GAIN, "Exchange gains", "income", False),
    ("450000", "Other income", "income_other", False),
    ("500000", "Cost of sales", "expense_direct_cost", False),
    (EXPENSE, "General expenses", "expense", False),
    ("630000", "Salaries", "expense", False),
    (LOSS, "Exchange losses", "expense", False),
)
JOURNALS = (
    ("INV", "Customer invoices", "sale", INCOME, 5),
    ("BILL", "Vendor bills", "purchase", EXPENSE, 6),
    ("MISC", "Miscellaneous", "general", None, 7),
    ("EXCH", "Exchange differences", "general", None, 9),
    ("BNK1", "Bank", "bank", "101401", 10),
    ("CSH1", "Cash", "cash", "101501", 10),
)
TAXES = (("15%", 15.0, "sale", SALE_TAX), ("15%", 15.0, "purchase", PURCHASE_TAX))
CURRENCIES = (("USD", "$", True), ("EUR", "€", True), ("GBP", "£", False), ("CHF", "CHF", False))
COUNTRIES = (("US", "United States"), ("CA", "Canada"), ("GB", "United Kingdom"), ("DE", "Germany"), ("FR", "France"))
STATES = (("US", "NY", "New York"), ("US", "ME", "Maine"), ("US", "CA", "California"), ("CA", "ON", "Ontario"))
MODULES = ("base", "account", "stock", "sale", "purchase", "product", "base_automation", "product_expiry")
EURO_RATE = 0.8
