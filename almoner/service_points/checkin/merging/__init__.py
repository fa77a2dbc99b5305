"""Two records of one person: those that may be, side by side, made one."""
