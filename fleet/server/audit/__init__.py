"""Audit log: who looked at or changed what, as an append-only hash chain; its pages and API."""
