"""Who may come in: signatures now; people, service accounts, roles and rotation with their own issue."""
