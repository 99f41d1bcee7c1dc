"""`make image`: build the station's image.

    python -m image --architecture amd64 [--accept]

Exit codes: 0 done, 1 a program failed, 2 bad usage, 3 packages changed and nobody has accepted them.
"""

import argparse
import sys
from pathlib import Path

from fleet.messages.commands import VERSION
from image.boards import MissingDriversError
from image.build import PROJECT, Options, build
from image.commands import CommandError, run
from image.layout import version_of
from image.packages import PackagesChangedError
from image.python_site import PythonVersionError
from provisioning.appliance.layout import MACHINES


def main() -> int:
    """Build; returns the exit code."""
    arguments = _parser().parse_args()
    epoch = arguments.epoch or int(run("git", "log", "-1", "--format=%ct", cwd=PROJECT))
    output = arguments.output or PROJECT / "build" / "image" / arguments.architecture
    version = arguments.version or version_of(epoch)
    if VERSION.match(version) is None:
        print(f"image: {version!r} is no version: numbers with dots between them, such as 2026.48.1", file=sys.stderr)
        return 2
    options = Options(arguments.architecture, output.resolve(), epoch, version, arguments.accept, arguments.signer,
                      arguments.secure_boot_keys, arguments.update_ca)  # fmt: skip
    try:
        print(build(options))
    except PackagesChangedError as error:
        print(f"image: {error}", file=sys.stderr)
        return 3
    except (CommandError, MissingDriversError, PythonVersionError, OSError) as error:
        print(f"image: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="image", description="build the station's image")
    parser.add_argument("--architecture", choices=MACHINES, default="amd64")
    parser.add_argument("--accept", action="store_true", help="record the package versions that came")
    parser.add_argument("--epoch", type=int, help="Unix seconds of every file (the commit's)")
    parser.add_argument("--version", help="the image's, as its bundle has it (the commit's year, week and weekday)")
    parser.add_argument(
        "--signer", type=Path, metavar="FILE", help="certificate that signs the manifest, its key beside it"
    )
    parser.add_argument(
        "--secure-boot-keys",
        type=Path,
        metavar="DIR",
        help="PK, KEK and db, each .key and .pem: what a PC starts is signed",
    )
    parser.add_argument(
        "--update-ca",
        type=Path,
        metavar="FILE",
        help="the authority whose signers sign bundles (PEM), and its list of revocations",
    )
    parser.add_argument("--output", type=Path, metavar="DIR", help="build/image/ARCHITECTURE")
    return parser


if __name__ == "__main__":
    sys.exit(main())
