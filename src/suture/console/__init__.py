"""The console: what people see of the platform, rendered on the server. A door to `views` and `commands`."""
