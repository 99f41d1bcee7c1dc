"""Private keys, wherever they are: in a file, sealed with a passphrase, on a PKCS#11 token, or in a TPM 2.0.

Rules: a key file says by its content what it is, and no program has to be told (`storage.load`). All keys are EC P-256, and each
is an `EllipticCurvePrivateKey` of `cryptography`: what signs certificates, asks or receipts does not know where its key is. A key
on a token or in a TPM signs there and never leaves it. A passphrase or PIN comes from a prompt or a file, never from an argument.
"""
