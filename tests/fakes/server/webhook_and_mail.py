"""Listeners on loopback that take what a server of ours sends out: a webhook's and a mail server."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Hook:
    """A webhook that answers `status` and keeps what came."""

    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    came: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    address: str = ""

    @contextmanager
    def listening(self) -> Iterator["Hook"]:
        """For as long as the context lasts."""
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook.came.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(hook.status)
                for name, value in hook.headers.items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        with _serving(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as port:
            self.address = f"http://127.0.0.1:{port}/hook"
            yield self


@dataclass
class MailServer:
    """As much of SMTP (RFC 5321) as one message takes, without TLS. `refuses`: a verb that is answered with 550."""

    refuses: str = ""
    mails: list[str] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    port: int = 0

    @contextmanager
    def listening(self) -> Iterator["MailServer"]:
        """For as long as the context lasts."""
        mail = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self._say("220 made up")
                while line := self.rfile.readline().decode().strip():
                    verb = line.split()[0].upper()
                    if verb == mail.refuses:
                        self._say("550 no")
                    elif verb == "DATA":
                        self._say("354 go on")
                        mail.mails.append(self._message())
                        self._say("250 taken")
                    else:
                        mail.recipients += [line] if verb == "RCPT" else []
                        self._say("221 bye" if verb == "QUIT" else "250 ok")

            def _message(self) -> str:
                lines: list[bytes] = []
                while (line := self.rfile.readline()) != b".\r\n":
                    lines.append(line)
                return b"".join(lines).decode()

            def _say(self, text: str) -> None:
                self.wfile.write(text.encode() + b"\r\n")

        with _serving(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)) as port:
            self.port = port
            yield self


@contextmanager
def _serving(server: socketserver.TCPServer) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
