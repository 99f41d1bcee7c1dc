"""People of the directory and ID administrators: imports, queries and API."""
