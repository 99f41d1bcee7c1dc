"""`make image`: build the station's image.

    python -m image --architecture amd64 [--accept]

Exit codes: 0 done, 1 a program failed, 2 bad usage, 3 packages changed and nobody has accepted them.
"""

import argparse
import sys
from pathlib import Path

from image.build import PROJECT, TARGETS, Options, build
from image.commands import CommandError, run
from image.packages import PackagesChangedError
from image.python_site import PythonVersionError


def main() -> int:
    """Build; returns the exit code."""
    arguments = _parser().parse_args()
    epoch = arguments.epoch or int(run("git", "log", "-1", "--format=%ct", cwd=PROJECT))
    output = arguments.output or PROJECT / "build" / "image" / arguments.architecture
    options = Options(arguments.architecture, output.resolve(), epoch, arguments.accept, arguments.signer)
    try:
        print(build(options))
    except PackagesChangedError as error:
        print(f"image: {error}", file=sys.stderr)
        return 3
    except (CommandError, PythonVersionError, OSError) as error:
        print(f"image: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="image", description="build the station's image")
    parser.add_argument("--architecture", choices=sorted(TARGETS), default="amd64")
    parser.add_argument("--accept", action="store_true", help="record the package versions that came")
    parser.add_argument("--epoch", type=int, help="Unix seconds of every file (the commit's)")
    parser.add_argument(
        "--signer", type=Path, metavar="FILE", help="certificate that signs the manifest, its key beside it"
    )
    parser.add_argument("--output", type=Path, metavar="DIR", help="build/image/ARCHITECTURE")
    return parser


if __name__ == "__main__":
    sys.exit(main())
