"""The issuer side of the server: ports for certificates, revocation, holds, orders and directory, and the adapters behind them.

`ports` says what is wanted of an issuer; `adapters` has EST (RFC 7030) and REST (our own OpenAPI); `service` deals with what
stations ask; `simulator` is an issuer that says that it is none.
"""
