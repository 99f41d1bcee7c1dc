"""The issuer services of the server: ports for certificates, revocation, holds, orders and directory.

`ports` says what is wanted of an issuer; `service` deals with what stations ask. The adapters are in `issuer_adapters`.
"""
