"""Command line of cards, `kortkiosk card`: one card at a desk.

    kortkiosk card list [--json]
    kortkiosk card show|test|change-pin|unblock|certificates [--reader NAME] [--json] [--anchors FILE|DIR] [--online]
    kortkiosk card record FILE --key PRIVATE.pem [--code]
    kortkiosk card replay FILE --keys PUBLIC.pem [--code]
    kortkiosk card adopt --key PRIVATE.pem [--into DIR] [--answers FILE]
    kortkiosk card clear-tries --reason unlocked_elsewhere|tries_known|other_card|other

Rules: codes come from a prompt or from `--codes-file` (mode 0600), never from arguments; a product that may not be
unblocked by its holder is told before any code is asked for; the last try of a PIN is used only on request. Only with
`--online` is anything fetched. Exit codes: 0 done, 2 bad input, 3 refused by a rule or by the card, a wrong code, or a card of no
known kind, 4 no card or reader, a card that left, or nobody knows whether it was done (then look at the card again), 130
interrupted: a code that the card has already is waited for, and what came of it is told.
"""

import argparse
import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from drivers.reader.errors import ReaderError
from drivers.reader.program import add_adoption_options
from drivers.reader.transport.pcsc import PcscBackend
from fleet.messages.vocabulary import ClearReason
from kiosk.cli import Exit

Arguments = argparse.Namespace
_ACTIONS = {
    "show": "whose card it is, its codes and certificates, and what is wrong",
    "test": "a real signature with each key, checked",
    "change-pin": "a new PIN, with the old one",
    "unblock": "a new PIN, with the PUK",
    "certificates": "the certificates, as PEM with --pem",
    "clear-tries": "count this card's tries from the beginning, with the reason",
}


_TRACES = {
    "record": "a trace of the card, without codes and personal data, signed",
    "replay": "play a trace as a card: what `show` says of it, with --code what `test` says",
}


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand and its own; each namespace carries `func`."""
    parser = subparsers.add_parser(
        "card", help="look at, test and mend one card at a desk", description=(__doc__ or "").strip(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="the readers, and what is in them")
    listing.add_argument("--json", action="store_true", help="output as JSON")
    listing.set_defaults(func=run_list)
    for name, text in _ACTIONS.items():
        _add_action(actions, name, text)
    _add_traces(actions)
    adopt = actions.add_parser("adopt", help="from a card that no profile names to a signed profile, by questions")
    add_adoption_options(adopt)
    adopt.set_defaults(func=run_adoption)


def _add_action(actions: Any, name: str, text: str) -> None:
    parser = actions.add_parser(name, help=text)
    parser.add_argument("--reader", metavar="NAME", help="needed where several readers hold a card")
    parser.add_argument("--json", action="store_true", help="output as JSON")
    _add_options(parser)
    if name in ("test", "change-pin", "unblock"):
        parser.add_argument("--codes-file", type=Path, metavar="FILE", help="codes as TOML, mode 0600")
    if name in ("test", "change-pin"):
        parser.add_argument("--use-last-try", action="store_true", help="use the PIN's last try: a wrong PIN locks it")
    if name in ("change-pin", "unblock"):
        parser.add_argument(
            "--role", choices=["identification", "signature"], default="identification",
            help="which PIN, on a card that has one for each; default: %(default)s",
        )  # fmt: skip
    if name == "clear-tries":
        parser.add_argument("--reason", choices=list(ClearReason), required=True, help="why: it is put down")
    if name == "certificates":
        parser.add_argument("--pem", action="store_true", help="print them as PEM")
    parser.set_defaults(func=run_action, action=name)


def _add_traces(actions: Any) -> None:
    """Recording of a card, and the twin that plays it (`kiosk.cli.card_traces`)."""
    for name, text in _TRACES.items():
        parser = actions.add_parser(name, help=text)
        parser.add_argument("file", type=Path, metavar="FILE", help="the trace; its signature is FILE.jws")
        parser.add_argument("--json", action="store_true", help="output as JSON")
        parser.add_argument("--code", action="store_true", help="with the PIN: verify it, and sign with each key")
        _add_options(parser)
        parser.set_defaults(func=run_trace, action=name)
        if name == "record":
            parser.add_argument("--reader", metavar="NAME", help="needed where several readers hold a card")
            parser.add_argument("--codes-file", type=Path, metavar="FILE", help="codes as TOML, mode 0600")
            parser.add_argument(
                "--key", type=Path, required=True, metavar="PRIVATE.pem", help="Ed25519 or P-256: it signs"
            )
        else:
            parser.add_argument(
                "--keys", type=Path, required=True, metavar="PUBLIC.pem", help="keys that may have signed it"
            )


def _add_options(parser: argparse.ArgumentParser) -> None:
    """Trust anchors, revocation data and card profiles; `card_settings` loads what they name."""
    parser.add_argument("--anchors", type=Path, metavar="FILE|DIR", help="certificates to trust, PEM")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--online", action="store_true", help="ask the issuers what is revoked (OCSP, CRL)")
    source.add_argument("--revocation", type=Path, metavar="DIR", help="judge by the CRLs and OCSP answers in it")
    parser.add_argument("--require-revocation", action="store_true", help="trust nothing whose standing is not known")
    parser.add_argument("--profiles", type=Path, metavar="DIR", help="signed product profiles, with --profile-keys")
    parser.add_argument("--profile-keys", type=Path, metavar="FILE", help="public keys that may sign them, PEM")


def run_list(arguments: Arguments) -> int:
    backend = PcscBackend()
    try:
        readers = [(name, backend.look(name).presence) for name in backend.readers()]
    except ReaderError as fault:
        return failed(arguments, Exit.FAULT, fault)
    document = {"readers": [{"name": name, "presence": presence.value} for name, presence in readers]}
    say(arguments, document, [f"{name}: {presence.value}" for name, presence in readers] or ["No readers."])
    return Exit.DONE


def run_action(arguments: Arguments) -> int:
    """Every other action, in its own module: what reads a card, certificates and profiles is loaded only for these."""
    code: int = import_module("kiosk.cli.card").run_action(arguments)
    return code


def run_trace(arguments: Arguments) -> int:
    """`record` and `replay`, loaded as every action is."""
    code: int = import_module("kiosk.cli.card_traces").run_trace(arguments)
    return code


def run_adoption(arguments: Arguments) -> int:
    """`adopt`, which the wheel of the card reader has too."""
    code: int = import_module("drivers.reader.program.__main__").adopt(arguments)
    return code


def say(arguments: Arguments, document: dict[str, Any], lines: list[str]) -> None:
    print(json.dumps(document, ensure_ascii=False) if arguments.json else "\n".join(lines))


def failed(arguments: Arguments, code: Exit, fault: Exception) -> int:
    """Say what is wrong; with --json as an object with `error` and `text`."""
    if arguments.json:
        error = type(fault).__name__.removesuffix("Error")
        print(json.dumps({"error": error, "text": str(fault)}, ensure_ascii=False))
    else:
        print(f"kortkiosk card: {fault}", file=sys.stderr)
    return code
