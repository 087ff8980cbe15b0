"""Reading back: what the ledger holds, what others changed in it, balances and master data. Writes nothing."""
