"""Diagnosis of an installation: `doctor`, expiry of keys and certificates, health and metrics."""
