"""Who is expected today, and the calendar of a department."""
