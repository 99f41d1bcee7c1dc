"""HTTP to an issuer: TLS with the server's own certificate, bounded in time and size, no redirections. Alone imports httpx."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import httpx

from fleet.server.issuers.ports import IssuerAwayError

TIMEOUT_S = 10.0
MAX_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Reply:
    """Reply of the issuer, whatever its status."""

    status: int
    content: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)


def client_tls(ca: Path, certificate: Path, key: Path) -> ssl.SSLContext:
    """Return a TLS context that trusts `ca` (PEM) and shows our own certificate. Raises OSError, ssl.SSLError."""
    context = anonymous_tls(ca)
    context.load_cert_chain(certificate, key)
    return context


def anonymous_tls(ca: Path) -> ssl.SSLContext:
    """Return a TLS context that trusts `ca` (PEM) and shows no certificate of ours. Raises OSError, ssl.SSLError."""
    context = ssl.create_default_context(cafile=str(ca))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class IssuerHttp:
    """One issuer's address. Use it as a context manager, or `close`."""

    def __init__(self, url: str, tls: ssl.SSLContext | None = None) -> None:
        self._url = url.rstrip("/")
        self._client = httpx.AsyncClient(verify=tls or True, timeout=TIMEOUT_S, trust_env=False)

    async def get(self, path: str, headers: Mapping[str, str] | None = None) -> Reply:
        """Raises IssuerAwayError where there is no answer, it is too long, or the server's own fault (5xx)."""
        return await self._send("GET", path, b"", headers or {})

    async def post(self, path: str, content: bytes, headers: Mapping[str, str]) -> Reply:
        return await self._send("POST", path, content, headers)

    async def _send(self, method: str, path: str, content: bytes, headers: Mapping[str, str]) -> Reply:
        where = f"{method} {self._url}{path.partition('?')[0]}"
        try:
            async with self._client.stream(
                method, f"{self._url}{path}", content=content or None, headers=dict(headers)
            ) as got:
                body = b""
                async for part in got.aiter_bytes():
                    body += part
                    if len(body) > MAX_BYTES:
                        raise IssuerAwayError(f"{where}: more than {MAX_BYTES} bytes")
        except httpx.HTTPError as error:
            raise IssuerAwayError(f"{where}: {type(error).__name__}") from None
        if got.status_code >= 500:
            raise IssuerAwayError(f"{where}: HTTP {got.status_code}")
        return Reply(got.status_code, body, got.headers)

    async def close(self) -> None:
        await self._client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
