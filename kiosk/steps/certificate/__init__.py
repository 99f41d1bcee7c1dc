"""Certificates on a card: what the issuer offers, issuing one, removing old ones."""
