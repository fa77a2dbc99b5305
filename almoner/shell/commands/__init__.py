"""One module a command; ``command_line`` finds them here."""
