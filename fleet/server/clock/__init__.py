"""Clock and calendar of the server: what a leap may not move, days and time zones."""
