"""The issuer side of the server: ports for certificates, revocation, holds, orders and directory, and the adapters behind them.

`port` says what is wanted of an issuer; `est` (RFC 7030) and `rest` (our own OpenAPI) are its adapters; `answers` deals with what
stations ask; `simulator` is an issuer that says that it is none.
"""
