"""Tools for who develops: checks, generated pages, releases."""
