"""Audit log on pages and for programs: who looked at or changed what."""
