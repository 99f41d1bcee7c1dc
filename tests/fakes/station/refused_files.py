"""Answers files of refused walks, with their cards: the documented file until one question, then what leads to the refusal."""

import json
import tomllib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sim.reader.cards import VirtualCard
from sim.reader.personas import MadeUpPerson, person
from sim.reader.pki import TestAuthority, default_directory
from sim.stories.refused_walks import NO_CARD, UNNAMED, RefusedWalk
from tests.fakes.station.walking import ERRAND_FOLDERS

LETTER = {".puk": lambda card: card.puk, ".printed": lambda card: card.card_number[-8:]}
"""Answers that are of the card, by the end of the question's name."""
REMOVED = {"view": "closing.take_card", "do": "remove"}


def refused_file(folder: Path, walk: RefusedWalk, kind: str, pages: int = 0) -> Path:
    """The answers file, with cards of that kind beside it. `pages`: so often an administrator turns to the order."""
    documented = tomllib.loads((ERRAND_FOLDERS / walk.errand / walk.file).read_text(encoding="utf-8"))
    made = "B" if kind == UNNAMED else kind
    cards = {
        name: _entry(walk, name, entry if isinstance(entry, dict) else {}, made)
        for name, entry in documented.get("cards", {"card": {"which": "old"}}).items()
        if kind != NO_CARD
    }
    at = f"{walk.prefix}.{walk.at}"
    answers = documented["answer"]
    until = next(index for index, entry in enumerate(answers) if entry.get("view") == at)
    entries = [filled for entry in answers[:until] for filled in _filled(entry, walk, pages)]
    entries += [_written(view, value) for view, value in walk.steps(kind)]
    path = folder / "refused.toml"
    path.write_text(_toml(cards, [*entries, REMOVED] if cards else entries), encoding="utf-8")
    for name, entry in cards.items():
        _make(folder, walk, name, entry)
    return path


def _entry(walk: RefusedWalk, name: str, documented: dict[str, Any], kind: str) -> dict[str, Any]:
    administrator = documented.get("order") in (13, 14)
    order, which = (documented["order"], "new") if administrator else (walk.whose, documented.get("which", "new"))
    if not administrator and walk.which is not None:
        which = walk.which
    order, which = walk.others.get(name, (order, which))
    return {"kind": kind, "state": f"{name}.json", "order": order, "which": which}


def _filled(entry: dict[str, Any], walk: RefusedWalk, pages: int) -> list[dict[str, Any]]:
    """A documented answer, of that person."""
    view, someone = entry.get("view", ""), person(walk.whose)
    card = someone.old if walk.which == "old" else someone.new
    letter = next((of_card for end, of_card in LETTER.items() if view.endswith(end)), None)
    if letter is not None and entry.get("value", "no_envelope") != "no_envelope":
        return [entry | {"value": letter(card)}]
    if view == "pickup.which":
        return [entry | {"value": "more"}] * pages + [entry | {"value": order_of(someone)}]
    return [entry]


def order_of(someone: MadeUpPerson) -> str:
    """The number of the order of their new card."""
    return f"2026-{someone.order:04d}"


def _written(view: str, value: str) -> dict[str, Any]:
    action, _, card = value.partition(" ")
    return {"view": view, "do": action, "card": card} if card else {"view": view, "value": value}


def _toml(cards: dict[str, dict[str, Any]], entries: list[dict[str, Any]]) -> str:
    def line(key: str, value: Any) -> str:
        return f"{key} = {json.dumps(value)}"

    lines = ["[cards]"] if cards else []
    for name, entry in cards.items():
        lines.append(f"{name} = {{ {', '.join(line(key, value) for key, value in entry.items())} }}")
    for entry in entries:
        lines += ["[[answer]]", *(line(key, value) for key, value in entry.items())]
    return "\n".join(lines) + "\n"


def _make(folder: Path, walk: RefusedWalk, name: str, entry: dict[str, Any]) -> None:
    """The card, with what is wrong with it; a copy is made of it when it is put in."""
    now, flaw = datetime.now(UTC), walk.flaws.get(name)
    foreign = flaw == "of another issuer"
    authority = TestAuthority.create(now) if foreign else TestAuthority.load_or_create(default_directory(), now)
    someone = person(entry["order"])
    persona = replace(someone.old if entry["which"] == "old" else someone.new, key_algorithm="EC-P256")
    card = VirtualCard.create(persona, authority, now, kind=entry["kind"], path=folder / entry["state"])
    if flaw == "locked":
        card.lock()
