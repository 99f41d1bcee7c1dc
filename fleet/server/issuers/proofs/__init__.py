"""Proofs that accompany a question to the issuer: verification, level of assurance, authorization."""
