"""`kortkiosk demo`: station, bench window, broker and fleet server in one go, on made-up cards and orders.

Without a display the pick-up runs by itself on a virtual screen, with pictures of every step. With one, every errand of a
station can be tried.
"""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from kiosk.cli import Exit
from sim.demo import suggestions as trying

DATA = Path("demo-data")


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand; its namespace carries `func`."""
    parser = subparsers.add_parser(
        "demo", help="station, bench and fleet server on made-up cards", description=(__doc__ or "").strip(),
        formatter_class=argparse.RawDescriptionHelpFormatter, epilog="\n".join(["to try:", *trying.lines()]),
    )  # fmt: skip
    parser.add_argument("--data", type=Path, default=DATA, metavar="DIR", help="default: ./%(default)s")
    parser.add_argument("--headless", action="store_true", help="run by itself on a virtual screen even with a display")
    parser.set_defaults(func=run)


async def _ended_by_sigterm(demo: Coroutine[Any, Any, int]) -> int:
    """SIGTERM ends all that was started, in order, as closing the windows does."""
    running = asyncio.current_task()
    assert running is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    return await demo


def run(args: argparse.Namespace) -> int:
    """Do it. Exit codes: 0 closed, or the scripted pick-up is done; 4 a program did not start; 130 interrupted."""
    from fleet.agent.identity import IdentityError
    from provisioning.authority import AuthorityError
    from sim.demo import run as running
    from sim.demo.player import PlayError
    from sim.demo.processes import ProcessStartError

    display = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    demo = running.with_windows if display and not args.headless else running.on_virtual_screen
    try:
        return asyncio.run(_ended_by_sigterm(demo(args.data.resolve())))
    except asyncio.CancelledError:
        return Exit.DONE
    except (ProcessStartError, PlayError) as error:
        print(f"kortkiosk demo: {error}", file=sys.stderr)
        return Exit.FAULT
    except (IdentityError, AuthorityError, OSError) as error:
        print(f"kortkiosk demo: {error}; delete {args.data} to start afresh", file=sys.stderr)
        return Exit.FAULT
