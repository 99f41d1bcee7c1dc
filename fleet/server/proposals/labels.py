"""Labels of proposals: how far one has come, and what it says in words."""

from collections.abc import Mapping
from typing import Any

from fleet.server.pages.i18n import Localization
from fleet.server.pages.labels import Level, StatusLabel
from fleet.server.proposals.model import OF_ACCOUNTS, Kind, ProposalRow

_STATE: dict[str, tuple[Level, str]] = {
    "waiting": ("wa", "timer-sand"),
    "confirmed": ("of", "clock-outline"),
    "done": ("ok", "check-circle"),
    "failed": ("ba", "close-circle"),
    "withdrawn": ("of", "close-circle-outline"),
    "objected": ("ba", "close-circle"),
    "expired": ("of", "calendar-clock"),
}


def proposal_label(row: ProposalRow) -> StatusLabel:
    return StatusLabel(*_STATE[row.state], "proposal_state", row.state)


def proposal_title(row: ProposalRow, texts: Localization) -> str:
    """Return who proposes what, in one sentence."""
    return texts("proposals.sentence", by=row.by, what=texts(f"proposal_kind.{row.kind}"), target=proposal_name(row))


def proposal_name(row: ProposalRow) -> str:
    """Return the name of whom or what the proposal is about."""
    return str(row.content["name"]) if row.kind is Kind.ADMINISTRATOR else row.target


def proposal_facts(row: ProposalRow, texts: Localization) -> list[tuple[str, str]]:
    """Exactly what takes effect, as pairs of a word and its value."""
    content = row.content
    match row.kind:
        case Kind.ADMINISTRATOR:
            roles = ", ".join(texts(f"administrator_role.{role}") for role in content["roles"])
            until = (
                texts.day(content["valid_until"], year=True) if content["valid_until"] else texts("proposals.for_good")
            )
            facts = {
                "person": f"{content['name']}, {row.target}", "may": f"{roles}, LoA{content['level']}",
                "where": _where(content["scope"], texts), "until": until, "decision": content["decision"],
            }  # fmt: skip
        case Kind.ACCOUNT | Kind.ROLES:
            roles = ", ".join(f"{texts(f'role.{role}')} ({_where([where], texts)})" for role, where in content["roles"])
            facts = {"account": row.target, "may": roles, "mail": content.get("mail", "")}
        case Kind.STATION:
            facts = {"station": row.target, "key": content["key"]}
        case Kind.STATIONS:
            return [(station["station"], station["key"]) for station in content["stations"]]
        case Kind.ROLL_OUT:
            order = content["order"]
            older = texts("proposals.older") if order["older"] else ""
            facts = {"version": f"{order['version']} {older}".strip(), "where": ", ".join(content["stations"])}
        case Kind.SETTINGS:
            return [(texts("proposal_fact.change"), line) for line in content["changes"]]
        case _:
            facts = {"account" if row.kind in OF_ACCOUNTS else "batch": row.target}
    return [(texts(f"proposal_fact.{name}"), value) for name, value in facts.items() if value]


def proposal_sum(row: ProposalRow, content: Mapping[str, Any] | None, texts: Localization) -> tuple[str, str]:
    """Return the roles that somebody has with that content, and their places: in a box each for now and after. None: nothing."""
    if content is None:
        return texts("proposals.nothing"), texts("proposals.nothing_may")
    match row.kind:
        case Kind.ADMINISTRATOR:
            roles = ", ".join(texts(f"administrator_role.{role}") for role in content["roles"])
            return texts("proposal_kind.administrator"), f"{roles} · {_where(content['scope'], texts)}"
        case Kind.ACCOUNT | Kind.ROLES if content["roles"]:
            places = ", ".join(dict.fromkeys(_where([where], texts) for _, where in content["roles"]))
            return ", ".join(texts(f"role.{role}") for role, _ in content["roles"]), places
        case Kind.STATION:
            return texts("proposals.station"), content["key"]
        case Kind.STATIONS:
            return texts.many("proposals.stations", len(content["stations"])), row.target
        case Kind.ROLL_OUT:
            return content["order"]["version"], texts.many("proposals.stations", len(content["stations"]))
        case Kind.SETTINGS:
            return row.target, texts.many("proposals.changes", len(content["changes"]))
    return texts(f"proposals.after.{row.kind}"), row.target


def _where(scope: list[str], texts: Localization) -> str:
    return texts("alerts.fleet") if "*" in scope else ", ".join(scope)
