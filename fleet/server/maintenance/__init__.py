"""Maintenance windows: model, queries, pages and API."""
