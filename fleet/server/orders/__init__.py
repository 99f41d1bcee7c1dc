"""Card orders: files, API and webhook that bring them, their life cycle, their queries."""
