"""Site address, and what follows from it: host names, cookie, origin.

Rules: over TLS the cookie has the prefix `__Host-` and `Secure` (RFC 6265bis 4.1.3.2); plain HTTP is for this machine alone. A
request that changes something comes from a page of ours: `Sec-Fetch-Site` and `Origin` say so, or it is refused.

>>> Site("https://dash.example").cookie, Site().cookie
('__Host-kortkiosk', 'kortkiosk')
"""

from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from fleet.server.web.middleware import LOOPBACK_HOSTS

_NAME = "kortkiosk"


@dataclass(frozen=True, slots=True)
class Site:
    """`public` is the address as browsers write it, without a path; empty: this machine alone, plain HTTP."""

    public: str = ""
    loopback: bool = True
    """Whether the names of this machine are answered too."""

    @property
    def secure(self) -> bool:
        """True where browsers come over TLS."""
        return self.public.startswith("https://")

    @property
    def cookie(self) -> str:
        """Name of the session's cookie."""
        return f"__Host-{_NAME}" if self.secure else _NAME

    @property
    def hosts(self) -> tuple[str, ...]:
        """Host names that are answered."""
        name = urlsplit(self.public).hostname
        return (*((name,) if name else ()), *(LOOPBACK_HOSTS if self.loopback else ()))

    def keys_at(self, request: Request) -> str:
        """An address of these pages where security keys work; empty where there is none."""
        if self.public or not self.loopback:
            return ""
        port = urlsplit(f"//{request.headers.get('host', '')}").port
        return f"http://localhost:{port}" if port else "http://localhost"

    def is_ours(self, request: Request) -> bool:
        """Return whether a page of ours sent the request. A browser of today says so in one of two headers; without
        both it is refused."""
        site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
        own = {self.public, f"{request.url.scheme}://{request.headers.get('host', '')}"} - {""}
        if site is None and origin is None:
            return False
        return site in (None, "same-origin") and (origin is None or origin in own)

    def keep(self, response: Response, value: str) -> None:
        """Give the browser its session."""
        response.set_cookie(self.cookie, value, secure=self.secure, httponly=True, samesite="lax", path="/")

    def forget(self, response: Response) -> None:
        response.delete_cookie(self.cookie, secure=self.secure, httponly=True, samesite="lax", path="/")
