"""Adopt a card product; check and sign product profiles.

    kortkiosk-card adopt --key PRIVATE.pem [--into DIR] [--reader NAME] [--answers FILE] [--codes-file FILE]
    kortkiosk-card check FILE.toml...
    kortkiosk-card sign FILE.toml... --key PRIVATE.pem

`adopt` looks at the card in the reader, asks what no card tells, tries what the person lets it, and writes a signed profile, a
trace and a report into DIR. `check` says what is wrong with a profile, and what in it is not verified; `sign` does the same
and then writes FILE.toml.jws beside it. A key with a passphrase asks for it. Codes come from a prompt or a file of mode 0600,
never from arguments. Ends with 0 done, 2 bad input, 3 refused by the card or a rule, 4 no card or one that left, 5 cancelled,
130 interrupted.
"""

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from drivers.reader.card_reader import ReaderSettings
from drivers.reader.errors import ReaderError
from drivers.reader.pin.try_ledger import FileLedger
from drivers.reader.profiles import IssuerRules, Profile, ProfileError, builtin
from drivers.reader.profiles.signed import SUFFIX, checked, private_key, sign
from drivers.reader.program import add_adoption_options
from drivers.reader.program.adoption import KEYS, Adoption, AdoptionError
from drivers.reader.program.codes import CodesError, CodeSource
from drivers.reader.program.questions import AnswerError, Questions
from drivers.reader.synchronous import list_cards
from drivers.reader.system import state_directory
from drivers.reader.traces.trace import TraceError
from drivers.reader.transport.pcsc import PcscBackend


def main(words: list[str] | None = None) -> int:
    """The program; gives its exit code."""
    parser = argparse.ArgumentParser(
        prog="kortkiosk-card", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    actions = parser.add_subparsers(dest="action", required=True)
    add_adoption_options(actions.add_parser("adopt", help="from the card in the reader to a signed profile"))
    for name in ("check", "sign"):
        files = actions.add_parser(name, help=f"{name} profile files")
        files.add_argument("files", nargs="+", type=Path, metavar="FILE.toml")
    files.add_argument("--key", type=Path, required=True, metavar="PRIVATE.pem", help="Ed25519 or P-256")
    arguments = parser.parse_args(words)
    return adopt(arguments) if arguments.action == "adopt" else _profile_files(arguments)


def adopt(arguments: argparse.Namespace) -> int:
    """One card's product; gives the exit code."""
    try:
        abilities = _adoption(arguments).run()
    except (AnswerError, CodesError, ProfileError, ValueError) as fault:
        return _report(fault, 2)
    except (AdoptionError, TraceError) as fault:
        return _report(fault, 3)
    except (ReaderError, OSError) as fault:
        return _report(fault, 4 if isinstance(fault, ReaderError) else 2)
    except EOFError:
        return 5
    except KeyboardInterrupt:
        return _report("interrupted: look at the card again before a code is typed", 130)
    print("\nThis product may now:", *(f"- {ability}" for ability in abilities), sep="\n")
    print(
        f"Written to {arguments.into}. A station takes the profile, its .jws and profile-keys.pem (docs/profiles.md)."
    )
    print("report.json and card.trace hold no code, name or number of yours: look through them before you send them.")
    return 0


def _adoption(arguments: argparse.Namespace) -> Adoption:
    """Raises AnswerError, CodesError, ReaderError, OSError, ValueError."""
    if not arguments.key.exists():
        raise AnswerError(
            f"there is no {arguments.key}; make one: openssl genpkey -algorithm ed25519 -aes256 -out {arguments.key}"
        )
    questions, codes = Questions.of_file(arguments.answers, KEYS), CodeSource(arguments.codes_file)
    key, backend = private_key(arguments.key), PcscBackend()
    with_card = [reader.name for reader in list_cards(backend) if reader.has_card]
    reader = arguments.reader or next(iter(with_card), "")
    if not reader:
        raise ReaderError("no reader holds a card")
    settings = ReaderSettings(ledger=FileLedger(state_directory() / "tries.json"))
    return Adoption(backend, reader, settings, questions, codes, key, arguments.into, datetime.now(UTC).date())


def _report(fault: object, code: int) -> int:
    print(f"kortkiosk-card: {fault}", file=sys.stderr)
    return code


def _profile_files(arguments: argparse.Namespace) -> int:
    try:
        key = private_key(arguments.key) if arguments.action == "sign" else None
        for path in arguments.files:
            content = path.read_bytes()
            _tell(path, checked(content, path.name, builtin()))
            if key is not None:
                path.with_name(path.name + SUFFIX).write_text(sign(content, key) + "\n")
    except (OSError, ValueError) as fault:
        print(fault, file=sys.stderr)
        return 2
    return 0


def _tell(path: Path, profile: Profile | IssuerRules) -> None:
    read_only = isinstance(profile, Profile) and profile.read_only
    restraint = "; read-only, because `proved` is none" if read_only else ""
    print(f"{path}: {profile.name}, not verified: {', '.join(profile.unverified) or 'nothing'}{restraint}")


if __name__ == "__main__":
    sys.exit(main())
