"""Command line of accounts and tokens: `kortkiosk-fleet user`, `token` and `verify-audit`.

Rules: no password and no code is an argument or is printed. A person gets a link that works once, for 24 hours; a token is shown
once. Whoever runs this can read the store anyway, so there is no sign-in; the audit names the account of the machine.

    $ kortkiosk-fleet user add tove --role operator --stations "lasarettet-*" --data /var/lib/kortkiosk-fleet
    /set-up/CODE
"""

import argparse
import getpass
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from fleet.server.accounts import api_tokens as tokens
from fleet.server.accounts import one_time_links as links
from fleet.server.accounts import queries as people
from fleet.server.accounts import secret_encryption as sealing
from fleet.server.accounts.api_tokens import MOST_DAYS
from fleet.server.accounts.queries import AccountError
from fleet.server.accounts.secret_encryption import SecretsError
from fleet.server.audit_log import log as audit
from fleet.server.audit_log.log import AuditEvent
from fleet.server.database.database import Database
from fleet.server.database.options import DONE, Result, add_store_arguments, run_on_store
from fleet.server.web.roles import EVERYWHERE, Role

REFUSED = 3

Said = tuple[dict[str, object], str]
Work = Callable[[argparse.Namespace, Connection, datetime], Said]
Making = Callable[..., argparse.ArgumentParser]


def add_parsers(commands: Any, command: Making) -> None:
    """`command` makes a parser with the options that all have."""
    groups = (
        ("user", _USER),
        ("token", _TOKEN),
        ("secrets", _SECRETS),
    )
    for group, members in groups:
        several = commands.add_parser(group).add_subparsers(required=True, metavar="COMMAND")
        for name, (work, help_text, options) in members.items():
            parser = command(several, name, _doing(work), help_text)
            add_store_arguments(parser)
            for option in options:
                option(parser)
    add_store_arguments(command(commands, "verify-audit", _verify))


def add_serve_options(serve: argparse.ArgumentParser) -> None:
    """Add the options of `serve` for its pages."""
    serve.add_argument(
        "--web", type=Path, metavar="FILE.toml", help="TLS or proxy of the pages, and the region's sign-in"
    )
    serve.add_argument("--demo", action="store_true", help="print a link that signs a made-up administrator in, once")


def _doing(work: Work) -> Callable[[argparse.Namespace], int]:
    return lambda arguments: _run(arguments, work)


def _run(arguments: argparse.Namespace, work: Work) -> int:
    """In one transaction, told to the audit by `work` itself."""

    def in_one_transaction(database: Database) -> Result:
        with database.writing.begin() as connection:
            return DONE, *work(arguments, connection, datetime.now(UTC))

    return run_on_store(arguments, in_one_transaction, AccountError, SecretsError)


def _note(connection: Connection, now: datetime, action: str, target: str, detail: str = "") -> None:
    audit.append(connection, now, f"machine:{getpass.getuser()}", "", AuditEvent(action, target, detail))


def _add_user(arguments: argparse.Namespace, connection: Connection, now: datetime) -> Said:
    granted = ((Role(arguments.role), arguments.stations),)
    user = people.add(connection, arguments.name, granted, now)
    _note(connection, now, "user.add", arguments.name, f"{arguments.role} {arguments.stations}")
    return _link(connection, user, now)


def _link(connection: Connection, user: int, now: datetime) -> Said:
    path = f"/set-up/{links.make(connection, 'set-up', user, now)}"
    return {"set_up": path}, path


def _reset_user(arguments: argparse.Namespace, connection: Connection, now: datetime) -> Said:
    user = people.reset(connection, arguments.name)
    _note(connection, now, "user.reset", arguments.name)
    return _link(connection, user, now)


def _unbind_user(arguments: argparse.Namespace, connection: Connection, now: datetime) -> Said:
    people.unbind(connection, people.named(connection, arguments.name).id)
    _note(connection, now, "user.hsa-drop", arguments.name)
    return {}, f"{arguments.name} is bound to no HSA-id"


def _disable_user(arguments: argparse.Namespace, connection: Connection, now: datetime) -> Said:
    people.disable(connection, arguments.name, not arguments.undo)
    _note(connection, now, "user.disable", arguments.name, "undone" if arguments.undo else "")
    return {}, f"{arguments.name} is {'open' if arguments.undo else 'closed'}"


def _list_users(_arguments: argparse.Namespace, connection: Connection, now: datetime) -> Said:
    everybody = people.everybody(connection)
    rows = [
        {
            "name": account.name,
            "kind": "local" if account.local else "openid",
            "state": _state(account),
            "hsa_id": people.hsa_id_of(connection, account.name, now),
            "grants": [*account.grants],
        }
        for account in everybody
    ]
    lines = [
        "  ".join(
            [
                str(row["name"]),
                str(row["kind"]),
                str(row["state"]),
                *(" ".join(grant) for grant in account.grants),
                *([str(row["hsa_id"])] if row["hsa_id"] else []),
            ]
        )
        for row, account in zip(rows, everybody, strict=True)
    ]
    return {"users": rows}, "\n".join(lines)


def _state(person: people.AccountRow) -> str:
    return "disabled" if person.disabled else "ready" if person.ready else "not set up"


def _add_token(arguments: argparse.Namespace, connection: Connection, now: datetime) -> Said:
    role = Role(arguments.role)
    given = " ".join(arguments.organisation)
    value = tokens.add(connection, arguments.name, role, arguments.stations, arguments.days, now, given)
    detail = f"{arguments.role} {arguments.stations}, {arguments.days} days{f', {given}' if given else ''}"
    _note(connection, now, "token.add", arguments.name, detail)
    return {"token": value}, value


def _revoke_token(arguments: argparse.Namespace, connection: Connection, now: datetime) -> Said:
    tokens.revoke(connection, arguments.name)
    _note(connection, now, "token.revoke", arguments.name)
    return {}, f"{arguments.name} works no more"


def _list_tokens(_arguments: argparse.Namespace, connection: Connection, now: datetime) -> Said:
    rows = [
        {
            "name": token.name,
            "role": token.role.value,
            "stations": token.stations,
            "ends": token.ends.isoformat(),
            "state": "revoked" if token.revoked else "ended" if token.ends <= now else "works",
        }
        for token in tokens.everything(connection)
    ]
    return {"tokens": rows}, "\n".join("  ".join(row.values()) for row in rows)


def _rotate(arguments: argparse.Namespace, connection: Connection, now: datetime) -> Said:
    count = sealing.rotate(connection, arguments.authority / "server" / sealing.KEY_FILE)
    _note(connection, now, "secrets.rotate", str(count))
    return {
        "sealed": count
    }, f"{count} secrets are sealed with a new key: copy {sealing.KEY_FILE} to the other machines"


def _verify(arguments: argparse.Namespace) -> int:
    def verify(database: Database) -> Result:
        with database.reading.begin() as connection:
            verdict = audit.verify(connection)
        if verdict.broken is not None:
            return REFUSED, None, f"the chain of the audit is broken from entry {verdict.broken}"
        figures: dict[str, object] = {"entries": verdict.entries, "head": verdict.head}
        return DONE, figures, f"{verdict.entries} entries, the chain holds; head {verdict.head}"

    return run_on_store(arguments, verify)


Option = Callable[[argparse.ArgumentParser], object]


def _name(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME")


def _grant(parser: argparse.ArgumentParser) -> None:
    _granted_as(parser, tuple(Role))


def _granted_as(parser: argparse.ArgumentParser, roles: tuple[Role, ...]) -> None:
    parser.add_argument("--role", choices=[role.value for role in roles], required=True)
    parser.add_argument(
        "--stations", default=EVERYWHERE, metavar="NAME", help="one, or the beginning of names and * (default: all)"
    )


def _days(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--days", type=int, default=MOST_DAYS, help="how long it works (%(default)s, and no longer)")


def _organisations(parser: argparse.ArgumentParser) -> None:
    help_text = "of whose people it may ask and tell, as their HSA-ids begin; again for more (without: all)"
    parser.add_argument("--organisation", action="append", default=[], metavar="SE...", help=help_text)


def _program_grant(parser: argparse.ArgumentParser) -> None:
    _granted_as(parser, tokens.ROLES)


def _undo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--undo", action="store_true", help="open it again")


def _authority(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--authority", type=Path, required=True, metavar="DIR", help="made by kortkiosk-provision")


_USER: dict[str, tuple[Work, str, tuple[Option, ...]]] = {
    "add": (_add_user, "a new local account; prints the path of its set-up link", (_name, _grant)),
    "list": (_list_users, "all accounts and what is granted to them", ()),
    "disable": (_disable_user, "close an account and end its sessions", (_name, _undo)),
    "unbind": (_unbind_user, "bind an account to no HSA-id any more (two administrators bind, on its page)", (_name,)),
    "reset": (_reset_user, "forget password and codes; prints the path of a new set-up link", (_name,)),
}
_SECRETS: dict[str, tuple[Work, str, tuple[Option, ...]]] = {
    "rotate": (_rotate, "seal the secrets of one-time codes with a new key", (_authority,)),
}
_TOKEN: dict[str, tuple[Work, str, tuple[Option, ...]]] = {
    "add": (_add_token, "a new token; prints it once", (_name, _program_grant, _days, _organisations)),
    "list": (_list_tokens, "all tokens, without their values", ()),
    "revoke": (_revoke_token, "end a token", (_name,)),
}
