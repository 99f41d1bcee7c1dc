"""Schemathesis against `/api/v1`: what the description promises is what the server does, with fit and unfit requests.

Rules: the real application on a real store with stations, errands, orders and alerts in it; all checks, positive and negative;
the same seed finds the same. Each request has an idempotency key of its own, since a key that comes twice is refused by design.

Example: `make schemathesis`, or `make schemathesis ARGS=500` for that many examples of each route.
"""

import itertools
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import schemathesis
from fastapi import FastAPI
from schemathesis import config as settings
from schemathesis.engine import events, from_schema
from starlette.types import ASGIApp, Receive, Scope, Send

from fleet.messages.link import DeviceState, SlotState, StationState, encode
from fleet.server.alerts import queries as alerting
from fleet.server.alerts.rules import RuleMatch
from fleet.server.alerts.service import AlertService
from fleet.server.alerts.settings import load
from fleet.server.alerts.transitions import OpenAlert
from fleet.server.app import create_app
from fleet.server.database.database import Database
from fleet.server.ingest.parse import ArrivedPresence, ArrivedState
from fleet.server.ingest.write import Writer
from fleet.server.keys.random_tokens import API_TOKEN_PREFIX, form_token
from fleet.server.live_feed.hub import Hub
from fleet.server.readings.queries import StoreReadings
from fleet.server.sign_in.service import Access
from fleet.server.web.idempotency import HEADER
from fleet.server.web.openapi_description import describe
from fleet.server.web.settings import LimitSettings
from tests.fakes.server.commands import commands_of
from tests.fakes.server.databases import new_store
from tests.fakes.server.evidence import FakeEvidence
from tests.fakes.server.visitors import COOKIE, program, session
from tests.fleet.server.conftest import NOW, KeptChanges, SealingStation, arrived, hold_orders, record

_HEADER = HEADER.lower().encode()
_FIT = re.compile(rb"[!-~]{1,200}\Z")
UNHURRIED = LimitSettings(requests=10**6, refused=10**6, looks=10**6, commands=10**6)
"""The clock stands still meanwhile: everything is of one minute."""
OWN, OTHERS = "/api/v1/users/campaign.test", "/api/v1/users/another.test"
LONG = 200
"""Examples of each route where nobody says how many."""


def fill(database: Database) -> None:
    """Some of everything."""
    writer = Writer(database)
    hold_orders(database, record(), record("O-2", card_number="9752269876", slot=4, protected=True))
    slots = (SlotState(3, "present", "closed"), SlotState(4, "unknown", "open"))
    devices = (DeviceState("Printer", "printer", "paper_low", ok=True),)
    state = StationState(
        title="Entrance A", version="1", bootid="b", time=NOW.isoformat(), devices=devices, slots=slots
    )
    writer.commit([ArrivedState("entre-a", encode(state).decode()), ArrivedPresence("entre-a", True)], NOW)
    writer.commit(arrived(*SealingStation().pickup()), NOW)
    with database.writing.begin() as connection:
        opened = [OpenAlert(RuleMatch("entre-a", code, "", ""), silent=False) for code in ("paper", "offline")]
        alerting.write(connection, opened, load(), NOW)


@contextmanager
def filled_app(folder: Path, clock: Any = lambda: NOW) -> Iterator[tuple[FastAPI, str]]:
    """The application on a store of its own, and the session of somebody who may do everything, which stands as a bearer token
    in the requests."""
    database = new_store(folder / "fleet.sqlite")
    try:
        fill(database)
        access = Access(database, clock)
        alerts = AlertService(database, KeptChanges(), clock)
        desk, evidence = commands_of(database, clock), FakeEvidence()
        app = create_app(
            StoreReadings(database, clock),
            Hub(),
            access,
            alerts,
            desk,
            clock=clock,
            evidence=evidence,
            limits=UNHURRIED,
        )
        program(access, name="another")
        program(access, name="campaign")
        yield app, session(access, name="campaign.test")
    finally:
        database.close()


def findings(app: FastAPI, token: str, examples: int, phases: tuple[str, ...]) -> tuple[list[str], Counter[str]]:
    """What it finds, in words, and how many requests of each phase it made."""
    config = settings.SchemathesisConfig(seed=1)
    schema = schemathesis.openapi.from_dict(describe(app), config=config)
    schema.app = with_own_keys(app)
    schema.config.update(base_url="http://127.0.0.1", headers={"Authorization": f"Bearer {token}"})
    schema.config.generation.update(max_examples=examples, deterministic=True)
    for name in ("examples", "coverage", "fuzzing", "stateful"):
        getattr(schema.config.phases, name).enabled = name in phases
    found: list[str] = []
    made: Counter[str] = Counter()
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            made[event.phase.value] += len(event.recorder.cases)
            found += said(event.recorder)
        elif isinstance(event, events.NonFatalError):
            found.append(f"{event.label}: {event.value!r}")
        elif isinstance(event, events.FatalError):
            raise event.exception
    return found, made


def with_own_keys(app: FastAPI) -> ASGIApp:
    """The same, with a number put to each idempotency key that is fit; a bearer's value is a session's; and nothing revokes what
    is used."""
    numbers = itertools.count()

    async def numbered(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [
            (name, b"%b-%d" % (value[-190:], next(numbers)) if name == _HEADER and _FIT.match(value) else value)
            for name, value in scope.get("headers", ())
        ]
        headers = [pair for name, value in headers for pair in _as_session(name, value)]
        path = str(scope.get("path")).replace(OWN, OTHERS)
        await app({**scope, "headers": headers, "path": path}, receive, send)

    return numbered


def _as_session(name: bytes, value: bytes) -> list[tuple[bytes, bytes]]:
    """Every right is a person's alone, and the schema's checks know bearer tokens."""
    scheme, _, shown = value.decode("latin-1").partition(" ")
    if name != b"authorization" or scheme != "Bearer" or shown.startswith(API_TOKEN_PREFIX):
        return [(name, value)]
    return [
        (b"cookie", f"{COOKIE}={shown}".encode("latin-1")),
        (b"x-form-token", form_token(shown).encode()),
        (b"origin", b"http://127.0.0.1"),
    ]


def said(recorder: Any) -> list[str]:
    """The failed checks of a scenario, each with the request that shows it."""
    failed = []
    for number, checks in recorder.checks.items():
        for check in checks:
            if check.failure_info is not None:
                case = recorder.cases[number].value
                failure = check.failure_info.failure
                failed.append(
                    f"{check.name} {case.method} {case.formatted_path}: {failure}\n  {check.failure_info.code_sample}"
                )
    return failed


def main() -> int:
    """Ends with 1 where something was found."""
    examples = int(sys.argv[1]) if len(sys.argv) > 1 else LONG
    with tempfile.TemporaryDirectory() as folder, filled_app(Path(folder)) as (app, token):
        found, made = findings(app, token, examples, ("examples", "coverage", "fuzzing", "stateful"))
    print(*dict.fromkeys(found), sep="\n\n")
    print(f"{sum(made.values())} requests {dict(made)}, {len(found)} findings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
