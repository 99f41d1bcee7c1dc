"""Bundles that stations are updated from: kept at the server, named by commands, fetched by stations."""
