"""What people may see and do, once for console, API and CLI alike."""
