"""`kortkiosk virtual-card`: one virtual card in the virtual PC/SC reader, until the program is ended.

Rules: no code is ever printed except by `--list`, which shows the made-up ones; a card file that cannot be used is
named and left as it is. All virtual cards of a user are issued by one test authority (`--authority`).

    kortkiosk virtual-card --kind B --state card.json --vpcd 127.0.0.1:35963
"""

import argparse
import json
import signal
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from drivers.reader.profiles import ProfileError
from drivers.reader.profiles.signed import ProfileKeys
from drivers.reader.traces.trace import TraceError, read_trace
from drivers.reader.traces.twin import TraceTwin
from sim.reader.card_memory import CardFileError
from sim.reader.cards import VirtualCard
from sim.reader.kinds import KINDS, CardKind
from sim.reader.personas import SIGNATURE_PIN, MadeUpPerson, administrators, people, person, with_two_pins
from sim.reader.pki import TestAuthority, default_directory
from sim.reader.shapes import SHAPES
from sim.reader.traits import TRAITS, UnknownTraitError
from sim.reader.vpcd import DEFAULT_HOST, FIRST_PORT, plug

DONE, BAD_INPUT, FAULT, INTERRUPTED = 0, 2, 4, 130
DEFAULT_KIND = "B"
DEFAULT_ORDER = 1


class _UsageError(Exception):
    """Something that was asked for cannot be; the text is for the person who typed it."""


class _Terminated(Exception):
    """Raised by the handler of SIGTERM."""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand; its namespace carries `func`."""
    parser = subparsers.add_parser(
        "virtual-card", help="a virtual card in the virtual PC/SC reader", description=(__doc__ or "").strip(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--kind", default=DEFAULT_KIND, metavar="A|B|C|D", help="default: %(default)s")
    parser.add_argument("--state", type=Path, metavar="FILE", help="the card's memory; made where missing")
    parser.add_argument(
        "--vpcd",
        default=f"{DEFAULT_HOST}:{FIRST_PORT}",
        metavar="HOST:PORT",
        help="where the virtual reader listens; default: %(default)s",
    )
    parser.add_argument(
        "--order", type=int, default=DEFAULT_ORDER, metavar="N", help="whose card a new one is; see --list"
    )
    parser.add_argument("--old", action="store_true", help="that person's old card, not the new one")
    parser.add_argument(
        "--protocol", choices=("T=1", "T=0"), default="T=1", help="of transmission; default: %(default)s"
    )
    parser.add_argument("--two-pins", action="store_true", help="a new card of kind B with a PIN of its own to sign")
    parser.add_argument("--shape", choices=SHAPES, metavar="NAME", help="which certificates a new card has; see --list")
    parser.add_argument(
        "--trait", action="append", default=[], metavar="NAME", help="what a new card does differently; see --list"
    )
    parser.add_argument(
        "--trace", type=Path, metavar="FILE", help="the twin of a recorded card instead, with --trace-keys"
    )
    parser.add_argument("--trace-keys", type=Path, metavar="PUBLIC.pem", help="keys that may have signed the trace")
    parser.add_argument("--authority", type=Path, metavar="DIR", help="who issues it; see --list")
    parser.add_argument("--list", action="store_true", help="describe kinds, people and made-up codes")
    parser.add_argument("--json", action="store_true", help="output as JSON")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Do it. Exit codes: 0 ended by SIGTERM, or listed; 2 bad input; 4 no reader; 130 interrupted."""
    if args.list:
        _show_list(args)
        return DONE
    try:
        _check_kind(args.kind, args.protocol, two_pins=args.two_pins)
        host, port = _address(args.vpcd)
        if args.trace is not None:
            return _serve(_twin(args), host, port, as_json=args.json)
        card = _card(args)
    except (_UsageError, CardFileError, ProfileError, TraceError) as error:
        print(f"kortkiosk virtual-card: {error}", file=sys.stderr)
        return BAD_INPUT
    return _serve(card, host, port, as_json=args.json)


def _check_kind(kind: str, protocol: str, *, two_pins: bool) -> None:
    if kind not in KINDS:
        raise _UsageError(f"there is no kind {kind!r}; this version has: {', '.join(KINDS)}")
    if protocol == "T=0" and KINDS[kind].atr_t0 is None:
        raise _UsageError(f"kind {kind} speaks T=1 only")
    if two_pins and kind != "B":
        raise _UsageError(f"kind {kind} has one PIN")


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not (colon and host and port.isdecimal() and 0 < int(port) < 65536):
        raise _UsageError(f"--vpcd wants HOST:PORT, not {text!r}")
    return host.strip("[]"), int(port)


def _card(args: argparse.Namespace) -> VirtualCard:
    """The card of the state file, or a new one (in the file where one is named)."""
    if args.state is not None and args.state.exists():
        card = VirtualCard.load(args.state, protocol=args.protocol)
        if card.kind != args.kind:
            raise _UsageError(f"{args.state} is a card of kind {card.kind}, not {args.kind}")
        if args.trait and set(args.trait) != set(card.traits):
            raise _UsageError(f"{args.state} is a card with the traits {', '.join(card.traits) or 'of its kind alone'}")
        if args.shape not in (None, card.persona.shape):
            raise _UsageError(f"{args.state} is a card of the shape {card.persona.shape}")
        return card
    try:
        someone = person(args.order)
    except LookupError as error:
        raise _UsageError(str(error.args[0])) from error
    now = datetime.now(UTC)
    directory = args.authority or default_directory()
    try:
        authority = TestAuthority.load_or_create(directory, now)
        persona = someone.old if args.old else someone.new
        persona = with_two_pins(persona) if args.two_pins else persona
        persona = replace(persona, shape=args.shape or persona.shape)
        return VirtualCard.create(
            persona, authority, now, kind=args.kind, path=args.state, protocol=args.protocol, traits=args.trait
        )
    except UnknownTraitError as error:
        raise _UsageError(str(error)) from error
    except ValueError as error:
        raise _UsageError(f"{directory}: damaged test authority") from error
    except OSError as error:
        raise _UsageError(f"{error.filename or directory}: {error.strerror}") from error


def _twin(args: argparse.Namespace) -> TraceTwin:
    if args.trace_keys is None:
        raise _UsageError("--trace needs --trace-keys: only what a key signs counts")
    return TraceTwin(read_trace(args.trace, ProfileKeys.load(args.trace_keys)))


def _serve(card: VirtualCard | TraceTwin, host: str, port: int, *, as_json: bool) -> int:
    previous = signal.signal(signal.SIGTERM, _on_terminate)
    try:
        with plug(card, host, port) as plugged:
            _say_plugged(card, host, port, as_json=as_json)
            plugged.ended.wait()
    except _Terminated:
        return DONE
    except KeyboardInterrupt:
        return INTERRUPTED
    except OSError as error:
        why = error.strerror or type(error).__name__
        print(f"kortkiosk virtual-card: no virtual reader at {host}:{port} ({why})", file=sys.stderr)
        return FAULT
    finally:
        signal.signal(signal.SIGTERM, previous)
    print(f"kortkiosk virtual-card: the virtual reader at {host}:{port} let the card go", file=sys.stderr)
    return FAULT


def _on_terminate(number: int, frame: FrameType | None) -> NoReturn:
    raise _Terminated


def _say_plugged(card: VirtualCard | TraceTwin, host: str, port: int, *, as_json: bool) -> None:
    if isinstance(card, TraceTwin):
        facts: dict[str, Any] = {"atr": card.atr.hex().upper(), "vpcd": f"{host}:{port}"}
        text = f"The twin of a recorded card is in the reader at {host}:{port}; Ctrl-C pulls it."
        print(json.dumps(facts) if as_json else text, flush=True)
        return
    if as_json:
        facts = {
            "kind": card.kind,
            "atr": card.atr.hex().upper(),
            "serial": card.persona.serial,
            "card_number": card.persona.card_number,
            "vpcd": f"{host}:{port}",
            "state": None if card.path is None else str(card.path),
        }
        print(json.dumps(facts, ensure_ascii=False), flush=True)
        return
    print(
        f"Card {card.persona.card_number} (kind {card.kind}) is in the reader at {host}:{port}; Ctrl-C pulls it.",
        flush=True,
    )


def _show_list(args: argparse.Namespace) -> None:
    kinds = [_kind_facts(kind) for kind in KINDS.values()]
    persons = [_person_facts(someone) for someone in (*people(), *administrators())]
    authority = str(args.authority or default_directory())
    if args.json:
        traits = {name: {"title": t.title, "seen_on": t.seen_on, "kinds": list(t.kinds)} for name, t in TRAITS.items()}
        shapes = {name: shape.title for name, shape in SHAPES.items()}
        listing = {"kinds": kinds, "people": persons, "authority": authority, "traits": traits, "shapes": shapes}
        print(json.dumps(listing, ensure_ascii=False))
        return
    for kind in kinds:
        print(f"{kind['kind']}  {kind['title']}")
        print(f"   PIN {kind['pin']} ({kind['pin_tries']} tries), PUK {kind['puk']} ({kind['puk_tries']} tries)")
    print("\n--shape")
    for name, shape in SHAPES.items():
        print(f"   {name:22} {shape.title}")
    print("\n--trait")
    for name, trait in TRAITS.items():
        print(f"   {name:22} {trait.title} ({', '.join(trait.kinds)})\n{'':26}as {trait.seen_on}")
    print("\n --order  holder (made up)           card number        PUK        PIN      old card's PUK")
    for facts in persons:
        label = facts["name"] or facts["hsa_id"]
        print(
            f"   {facts['order']:5d}  {label:25}  {facts['card_number']}  {facts['puk']}  {facts['pin']}  "
            f"{facts['old_puk']}"
        )
    print(f"\nTest authority: {authority}")


def _kind_facts(kind: CardKind) -> dict[str, Any]:
    """A kind, with the codes of the card that is made where no --order is given."""
    card = person(DEFAULT_ORDER).new
    return {
        "kind": kind.kind,
        "title": kind.title,
        "default": kind.kind == DEFAULT_KIND,
        "pin": card.pin,
        "puk": card.puk,
        "pin_tries": kind.pin_tries,
        "puk_tries": kind.puk_tries,
        "pin_min_length": kind.pin_min_length,
        "pin_max_length": kind.pin_max_length,
        "puk_length": kind.puk_length,
        "atr": kind.atr.hex().upper(),
        "protocols": ["T=1"] if kind.atr_t0 is None else ["T=1", "T=0"],
        "extended_length": kind.extended,
        "signature_pin": SIGNATURE_PIN if kind.kind == "B" else None,
    }


def _person_facts(someone: MadeUpPerson) -> dict[str, Any]:
    """A person; with protected identity only the HSA-id is shown."""
    return {
        "order": someone.order,
        "name": "" if someone.protected_identity else someone.name,
        "hsa_id": someone.hsa_id,
        "administrator": someone.administrator,
        "protected_identity": someone.protected_identity,
        "loa": someone.new.loa,
        "key_algorithm": someone.new.key_algorithm,
        "card_number": someone.new.card_number,
        "pin": someone.new.pin,
        "puk": someone.new.puk,
        "old_card_number": someone.old.card_number,
        "old_pin": someone.old.pin,
        "old_puk": someone.old.puk,
    }
