"""The console: what people see of the platform, rendered on the server. A door: it reads by `operate` alone."""
