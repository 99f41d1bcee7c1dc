"""Adapters to an issuer: EST (RFC 7030), REST, published revocation status."""
