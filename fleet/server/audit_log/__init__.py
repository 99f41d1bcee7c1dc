"""Audit log: an append-only hash chain of who looked at or changed what."""
