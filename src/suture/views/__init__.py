"""What people see: read models, asked by console, API and command line alike. Nothing here commands anything."""
