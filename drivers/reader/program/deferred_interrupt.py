"""Deferred interrupt (^C) while a card checks a code: the command runs to its end, and its outcome is told.

A code that has gone out cannot be called back, and a command cut off on its way may have used a try. So the first ^C
waits for the card's answer; a second one leaves without it, and then nobody knows (reliability, "tear").
"""

import asyncio
import sys
from collections.abc import Coroutine
from typing import Any

from drivers.reader.outcomes import CodeOutcome, Unknown

LEFT_OPEN = (
    "Interrupted before the card answered: nobody knows whether it was done, and a try may have been used. "
    "Read the card again, with `kortkiosk card show`, before any code is typed."
)


class InterruptedCodeError(Exception):
    """^C came after the code was given to the card. `outcome`: what the card answered, or Unknown."""

    def __init__(self, outcome: CodeOutcome) -> None:
        super().__init__("interrupted")
        self.outcome = outcome


async def run_to_end(command: Coroutine[Any, Any, CodeOutcome]) -> CodeOutcome:
    """The outcome of a command with a code, which ^C does not cut off.

    Raises InterruptedCodeError where ^C came meanwhile, CancelledError where it came before (then no code goes out), and as
    the command.
    """
    current = asyncio.current_task()
    if current is not None and current.cancelling():
        command.close()
        raise asyncio.CancelledError
    task = asyncio.ensure_future(command)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        print("Interrupted; waiting for the card's answer. Press ^C again to leave without it.", file=sys.stderr)
    try:
        outcome = await task
    except asyncio.CancelledError:
        outcome = Unknown()
    raise InterruptedCodeError(outcome)
