"""Static assets of the pages (styles, scripts, fonts, icons), read once at the start and sent from memory, compressed beforehand.

Rules: styles of every page go as one file, and so do its scripts, in the order of `BUNDLES`: each request costs a browser more
than the bytes of it. An address with `?v=` names the content by its hash, and may be kept for good (`middleware.cache_rule`).
What is read at the start is all that is ever sent: no path of a request reaches the disk.
"""

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fastapi import HTTPException
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

STATIC = Path(__file__).with_name("static")
BUNDLES = {
    "dashboard.css": ("tokens.css", "icons.css", "app.css"),
    "dashboard.js": ("vendor/htmx-2.0.11.min.js", "live.js"),
}
FIRST_FONTS = ("vendor/inter-latin-wght-normal.woff2", "vendor/icons.woff2")
"""Those that every page draws with: a browser is told of them before it has read the styles that name them."""
_BETWEEN = {".css": b"\n", ".js": b"\n;\n"}
_TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    ".woff2": "font/woff2",
}
_IS_PACKED = ".woff2"


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is sent. `packed` is empty where packing gains nothing."""

    content: bytes
    packed: bytes
    media_type: str
    hash: str

    @classmethod
    def of(cls, name: str, content: bytes) -> "Asset":
        """Return that content as an asset of that name."""
        kind = Path(name).suffix
        packed = b"" if kind == _IS_PACKED else gzip.compress(content, mtime=0)
        return cls(content, packed, _TYPES[kind], hashlib.sha256(content).hexdigest())

    def at(self, name: str) -> str:
        """The name with the hash of the content."""
        return f"{name}?v={self.hash[:12]}"

    def answer(self, request_headers: Headers) -> Response:
        """The file, packed where the browser takes that, or that the browser has it (RFC 9110, 13.1.2)."""
        packed = bool(self.packed) and "gzip" in request_headers.get("accept-encoding", "")
        headers = {"etag": f'"{self.hash}"', "vary": "Accept-Encoding"} | (
            {"content-encoding": "gzip"} if packed else {}
        )
        cached_tags = {tag.strip().removeprefix("W/") for tag in request_headers.get("if-none-match", "").split(",")}
        if cached_tags & {"*", headers["etag"]}:
            return Response(status_code=304, headers=headers)
        return Response(self.packed if packed else self.content, media_type=self.media_type, headers=headers)


class Assets:
    """An ASGI application for below `/static`."""

    def __init__(self, files: dict[str, Asset]) -> None:
        self._files = files

    @classmethod
    @cache
    def read(cls, folder: Path = STATIC) -> "Assets":
        """All files of the folder, and the bundles. Raises OSError, KeyError for a kind of file that pages do not have."""
        paths = {str(path.relative_to(folder)): path for path in sorted(folder.rglob("*")) if path.is_file()}
        files = {name: Asset.of(name, path.read_bytes()) for name, path in paths.items()}
        for name, parts in BUNDLES.items():
            joined = _BETWEEN[Path(name).suffix].join(files[part].content for part in parts)
            files[name] = Asset.of(name, _with_hashes(joined, files))
        return cls(files)

    def address(self, name: str) -> str:
        """Return the address of that file for pages, named with its content's hash. Raises KeyError for a file that is
        not there."""
        return f"/static/{self._files[name].at(name)}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"].removeprefix(scope.get("root_path", "")).lstrip("/")
        asset = self._files.get(path)
        if asset is None:
            raise HTTPException(404)
        if scope["method"] not in ("GET", "HEAD"):
            raise HTTPException(405, headers={"allow": "GET, HEAD"})
        await asset.answer(Headers(scope=scope))(scope, receive, send)


def _with_hashes(style: bytes, files: dict[str, Asset]) -> bytes:
    """Fonts named so that a browser keeps them too, and finds the one that the page told it of."""
    for name, asset in files.items():
        style = style.replace(f'url("{name}")'.encode(), f'url("{asset.at(name)}")'.encode())
    return style
