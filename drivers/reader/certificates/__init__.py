"""X.509 certificates of a card: whose it is, what its keys are for, trust anchors, path validation and revocation."""
