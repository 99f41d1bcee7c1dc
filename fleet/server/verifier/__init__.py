"""Envelope verifier: a process of its own that alone sees PUKs and the keys of the issuer."""
