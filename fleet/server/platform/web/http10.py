"""Answers in HTTP/1.0 for clients that know nothing newer, as libest, which reads the head letter by letter.

h11 answers every request as HTTP/1.1, as RFC 9110 (2.5) allows; libest takes that for no answer.
"""

import asyncio
from typing import Any

import h11

_NEW, _OLD = b"HTTP/1.1 ", b"HTTP/1.0 "
_AS_WRITTEN = {b"www-authenticate": b"WWW-Authenticate"}


class Http10Transport:
    """A transport that writes the head of an answer as the client's version has it; everything else is the transport's."""

    def __init__(self, transport: asyncio.Transport, connection: h11.Connection) -> None:
        self._transport, self._connection = transport, connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if data.startswith(_NEW) and self._connection.their_http_version == b"1.0":
            data = _rewritten(data)
        self._transport.write(data)


def _rewritten(data: bytes) -> bytes:
    """
    >>> _rewritten(b"HTTP/1.1 202 Accepted\\r\\nretry-after: 10\\r\\n\\r\\nwait")
    b'HTTP/1.0 202 Accepted\\r\\nRetry-After: 10\\r\\n\\r\\nwait'
    """
    head, end, body = data.partition(b"\r\n\r\n")
    status, *headers = head.split(b"\r\n")
    lines = [_OLD + status.removeprefix(_NEW)]
    for header in headers:
        name, colon, value = header.partition(b":")
        lines.append(_AS_WRITTEN.get(name.lower(), name.title()) + colon + value)
    return b"\r\n".join(lines) + end + body
