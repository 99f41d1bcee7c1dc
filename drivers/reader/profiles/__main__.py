"""Check and sign product profiles.

    python -m drivers.reader.profiles check FILE.toml...
    python -m drivers.reader.profiles sign FILE.toml... --key PRIVATE.pem

`check` says what is wrong with a profile, and what in it is not verified; `sign` does the same and then writes FILE.toml.jws
beside it. A key with a passphrase asks for it. Ends with 0, or with 2 where a file cannot be used.
"""

import argparse
import sys
from pathlib import Path

from drivers.reader.profiles import IssuerRules, Profile, ProfileError, builtin, is_issuer, parse, parse_issuer, safety
from drivers.reader.profiles.signed import SUFFIX, private_key, sign


def main(words: list[str] | None = None) -> int:
    """The program; gives its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m drivers.reader.profiles", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )  # fmt: skip
    parser.add_argument("action", choices=["check", "sign"])
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE.toml")
    parser.add_argument("--key", type=Path, metavar="PRIVATE.pem", help="Ed25519 or P-256")
    arguments = parser.parse_args(words)
    if arguments.action == "sign" and arguments.key is None:
        parser.error("sign needs --key")
    try:
        key = private_key(arguments.key) if arguments.action == "sign" else None
        for path in arguments.files:
            content = path.read_bytes()
            _tell(path, _checked(content, path.name))
            if key is not None:
                path.with_name(path.name + SUFFIX).write_text(sign(content, key) + "\n")
    except (OSError, ValueError) as fault:
        print(fault, file=sys.stderr)
        return 2
    return 0


def _checked(content: bytes, name: str) -> Profile | IssuerRules:
    text = content.decode("utf-8")
    if is_issuer(text, name):
        return parse_issuer(text, name)
    profile = parse(text, name)
    shipped = {builtin_profile.name: builtin_profile for builtin_profile in builtin()}.get(profile.name)
    for key, reason in (*safety.offences(profile, profile.evidence, shipped), *safety.signing_offences(profile)):
        raise ProfileError(f"{name}: {key}: {reason}")
    return profile


def _tell(path: Path, profile: Profile | IssuerRules) -> None:
    read_only = isinstance(profile, Profile) and profile.read_only
    restraint = "; read-only, because `proved` is none" if read_only else ""
    print(f"{path}: {profile.name}, not verified: {', '.join(profile.unverified) or 'nothing'}{restraint}")


if __name__ == "__main__":
    sys.exit(main())
