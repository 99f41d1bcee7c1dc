"""`kortkiosk gallery`: every screen in every size, theme and language as pictures, and the pick-up played by real touches.

Draws on a virtual screen of its own. docs/gallery holds small sheets of them.

    kortkiosk gallery --into gallery --panel 10 --language sv
"""

import argparse
import asyncio
import os
import sys
from pathlib import Path

from kiosk.cli import Exit

PANELS = ("10", "7", "p")


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand; its namespace carries `func`."""
    parser = subparsers.add_parser(
        "gallery", help="every screen as a picture", description=(__doc__ or "").strip(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--into", type=Path, default=Path("gallery"), metavar="DIR", help="default: ./%(default)s")
    parser.add_argument("--panel", choices=PANELS, action="append", help="10 (1280x800), 7 (800x480), p (1080x1920)")
    parser.add_argument("--theme", choices=("light", "dark", "hc"), action="append")
    parser.add_argument("--language", choices=("sv", "en"), action="append")
    parser.add_argument("--no-story", action="store_true", help="leave the played pick-up out")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Do it. Exit codes: 0 done; 4 no virtual screen, or the pick-up did not play."""
    from sim.demo.player import PlayError
    from sim.demo.processes import ProcessStartError

    try:
        asyncio.run(_gallery(args))
    except (ProcessStartError, PlayError) as error:
        print(f"kortkiosk gallery: {error}", file=sys.stderr)
        return Exit.FAULT
    return Exit.DONE


async def _gallery(args: argparse.Namespace) -> None:
    from sim.demo.run import on_virtual_screen, virtual_display
    from sim.gallery import sheets

    async with virtual_display("1920x1920x24") as display:
        for panel in args.panel or PANELS:
            await _shoot(args, panel, display)
    if not args.no_story:
        await on_virtual_screen(args.into.resolve() / "played")
    for sheet in await asyncio.to_thread(sheets.make, args.into, args.into / "sheets"):
        print(f"Sheet: {sheet}")
    print(f"Pictures are in {args.into.resolve()}")


async def _shoot(args: argparse.Namespace, panel: str, display: str) -> None:
    from sim.demo.processes import ProcessStartError

    arguments = [sys.executable, "-m", "sim.gallery.shoot", "--panel", panel, "--into", str(args.into)]
    for name in ("theme", "language"):
        for value in getattr(args, name) or ():
            arguments += [f"--{name}", value]
    process = await asyncio.create_subprocess_exec(*arguments, env={**os.environ, "DISPLAY": display})
    if await process.wait() != 0:
        raise ProcessStartError(f"the window of panel {panel} did not draw")
