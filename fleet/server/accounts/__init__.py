"""Accounts, roles and API tokens: pages, API and command line."""
