"""Fetching over HTTP, bounded in time, size and redirections. A desk's; a station never imports it."""

import http.client
import time
import urllib.error
import urllib.request
from typing import Any

from drivers.reader.certificates.revocation.crl import is_http
from drivers.reader.certificates.revocation.fetching import FetchError

TIMEOUT_S = 5.0
"""For each answer of the network."""
TOTAL_S = 15.0
"""For the whole content."""
MAX_REDIRECTIONS = 2
_CHUNK = 64 * 1024


class _Redirections(urllib.request.HTTPRedirectHandler):
    max_redirections = MAX_REDIRECTIONS
    max_repeats = MAX_REDIRECTIONS

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        if not is_http(newurl):
            raise urllib.error.URLError("redirected to something that is not http")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


_OPENER = urllib.request.build_opener(_Redirections)


def fetch(url: str, body: bytes | None, content_type: str, limit_bytes: int) -> bytes:
    """Implements `drivers.reader.certificates.revocation.fetching.Fetch`."""
    if not is_http(url):
        raise FetchError(f"{url}: only http and https are fetched")
    headers = {"Content-Type": content_type} if body else {}
    try:
        request = urllib.request.Request(url, data=body, headers=headers)  # noqa: S310  # the scheme has been checked
        with _OPENER.open(request, timeout=TIMEOUT_S) as response:
            return _bounded(url, response, limit_bytes)
    except urllib.error.HTTPError as fault:
        fault.close()
        raise FetchError(f"{url}: HTTP {fault.code}") from None
    except (OSError, ValueError, http.client.HTTPException) as fault:
        raise FetchError(f"{url}: {getattr(fault, 'reason', None) or fault}") from None


def _bounded(url: str, response: Any, limit_bytes: int) -> bytes:
    end = time.monotonic() + TOTAL_S
    content = b""
    while chunk := response.read1(min(_CHUNK, limit_bytes + 1 - len(content))):
        content += chunk
        if len(content) > limit_bytes:
            raise FetchError(f"{url}: more than {limit_bytes} bytes")
        if time.monotonic() > end:
            raise FetchError(f"{url}: took longer than {TOTAL_S:.0f} s")
    return content
