"""People and programs that are let in without typing: a session or a token straight from the store."""

from datetime import datetime
from pathlib import Path

from playwright.async_api import BrowserContext

from fleet.server.accounts import api_tokens as tokens
from fleet.server.accounts import sessions
from fleet.server.accounts.secret_encryption import Sealer
from fleet.server.database.database import FILE_NAME, open_database
from fleet.server.keys.random_tokens import digest
from fleet.server.sign_in.service import Access, SignedIn
from fleet.server.web.roles import EVERYWHERE, Role

COOKIE = "kortkiosk"
SEALER = Sealer({"made-up": bytes(32)})
"""For the secrets of made-up accounts."""


def session(access: Access, role: Role = Role.ADMIN, stations: str = EVERYWHERE, name: str = "tove.test") -> str:
    """The value of a new session's cookie; the person has just stepped up."""
    value = access.link_for(name, ((role, stations),)).rpartition("/")[2]
    came = access.sign_in_by_link(value, "127.0.0.1")
    assert isinstance(came, SignedIn)
    with access.database.writing.begin() as connection:
        sessions.note_step_up(connection, digest(came.value), access.clock())
    return came.value


def program(access: Access, role: Role = Role.OPERATOR, stations: str = EVERYWHERE, name: str = "test") -> str:
    """The value of a new token."""
    with access.database.writing.begin() as connection:
        return tokens.add(connection, name, role, stations, 1, access.clock())


def keys_to(data: Path, now: datetime) -> tuple[str, str]:
    """A session of an administrator and a token of an operator, for a server that runs on that folder in another process."""
    with open_database(data / FILE_NAME) as database:
        access = Access(database, lambda: now)
        return session(access), program(access)


def audience(data: Path, now: datetime, people: int) -> list[str]:
    """Sessions of so many viewers, each with an account of their own."""
    with open_database(data / FILE_NAME) as database:
        access = Access(database, lambda: now)
        return [session(access, Role.VIEWER, name=f"viewer-{number}.test") for number in range(people)]


async def let_in(context: BrowserContext, visitor: str) -> None:
    """Give a browser the cookie of somebody who is signed in: NAME=VALUE."""
    name, _, value = visitor.partition("=")
    await context.add_cookies([{"name": name, "value": value, "url": "http://127.0.0.1"}])
