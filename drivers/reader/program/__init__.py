"""Program `kortkiosk-card`: from a card that no profile names to a signed profile, and profile files checked and signed."""

import argparse
from pathlib import Path


def add_adoption_options(parser: argparse.ArgumentParser) -> None:
    """Options of `adopt`, here and in `kortkiosk card`."""
    parser.add_argument("--key", type=Path, required=True, metavar="PRIVATE.pem", help="Ed25519 or P-256: it signs")
    parser.add_argument("--into", type=Path, default=Path("profiles"), metavar="DIR", help="default: %(default)s")
    parser.add_argument("--reader", metavar="NAME", help="default: the first that holds a card")
    parser.add_argument("--answers", type=Path, metavar="FILE", help="answers as TOML, one text for each question")
    parser.add_argument("--codes-file", type=Path, metavar="FILE", help="codes as TOML, mode 0600")
