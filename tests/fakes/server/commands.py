"""The service of commands itself, on the store of a test, and commands as stations take them."""

from collections.abc import Callable
from datetime import datetime

from joserfc.jwk import ECKey

from fleet.server.commands.model import CommandRequest, CommandRow, Requester
from fleet.server.commands.service import CommandService
from fleet.server.database.database import Database
from fleet.server.keys.signing import Signer
from fleet.server.live_feed.hub import Hub
from fleet.server.live_feed.topics import Changes

KEY = ECKey.generate_key("P-256")
SIGNER = Signer(KEY)
TOVE, OLLE = Requester("tove.test", "192.0.2.7", stepped_up=True), Requester("olle.test", "192.0.2.8", stepped_up=True)
SYNC = CommandRequest("entre-a", "sync", "orders have come")
OPEN = CommandRequest("entre-a", "open_slot", "the card lies across", slot=3)


def commands_of(database: Database, clock: Callable[[], datetime], changes: Changes | None = None) -> CommandService:
    """The service on that store."""
    return CommandService(database, changes or Hub(), clock)


def ready(service: CommandService, wish: CommandRequest = SYNC) -> CommandRow:
    """A command that can be issued: asked for by one, and agreed to by another where that is needed."""
    row = service.ask(wish, TOVE)
    approved = service.approve(row.id, OLLE) if row.state == "waiting" else row
    assert isinstance(approved, CommandRow)
    return approved
