"""Accounts, their roles, sessions and API tokens: pages, API and command line."""
