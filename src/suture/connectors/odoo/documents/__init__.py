"""What every document goes through: its rows, a company's session, posting, and matching with what it settles."""
