"""Actions `kortkiosk card record` and `replay`: a trace of a card without codes and personal data, and the twin that plays it.

The code is asked for once the card has been read; the trace has a made-up one in its place. Nothing is written where anything
of a person or a code may be left: exit 3, with the reason.
"""

import argparse
import asyncio
from dataclasses import replace
from datetime import UTC, datetime

from drivers.reader.errors import ReaderError
from drivers.reader.pin.try_ledger import MemoryLedger
from drivers.reader.profiles import ProfileError
from drivers.reader.profiles.signed import SUFFIX, ProfileKeys, private_key, sign
from drivers.reader.program.codes import CodeName, CodesError, CodeSource
from drivers.reader.secret import Secret
from drivers.reader.traces.recorder import record_card
from drivers.reader.traces.trace import Trace, TraceError, read_trace
from drivers.reader.traces.twin import READER, TraceTwin, TwinBackend
from drivers.reader.transport.pcsc import PcscBackend
from kiosk.cli import Exit
from kiosk.cli.card import choose_reader, not_read, told_tools, visit_and_do
from kiosk.cli.card_parser import failed, say
from kiosk.cli.card_settings import InputError

Arguments = argparse.Namespace


class _TwinCodes:
    """The made-up code of a trace, for whichever PIN."""

    def __init__(self, trace: Trace) -> None:
        self._code = trace.code

    def get(self, name: CodeName, label: str) -> Secret:
        """Raises CodesError where the trace was recorded without a code."""
        if not self._code:
            raise CodesError("the trace was recorded without a code: record it with --code")
        return Secret(self._code)


def run_trace(arguments: Arguments) -> int:
    """Record, or replay. Gives the exit code."""
    try:
        return _record(arguments) if arguments.action == "record" else _replay(arguments)
    except (InputError, CodesError, ProfileError) as fault:
        return failed(arguments, Exit.BAD_INPUT, fault)
    except TraceError as fault:
        return failed(arguments, Exit.REFUSED, fault)
    except ReaderError as fault:
        return not_read(arguments, fault)


def _record(arguments: Arguments) -> int:
    signature = arguments.file.with_name(arguments.file.name + SUFFIX)
    for path in (arguments.file, signature):
        if path.exists():
            raise InputError(f"{path} is there already")
    try:
        key = private_key(arguments.key)
    except (OSError, ValueError) as fault:
        raise InputError(f"{arguments.key}: {fault}") from None
    backend, settings = PcscBackend(), told_tools(arguments).settings
    reader, codes = choose_reader(backend, arguments.reader), CodeSource(arguments.codes_file)
    code = (lambda: codes.get("pin", "PIN")) if arguments.code else None
    trace = asyncio.run(record_card(backend, reader, settings, datetime.now(UTC).date(), code))
    content = trace.to_file()
    try:
        signed = sign(content, key)
        arguments.file.write_bytes(content)
        signature.write_text(f"{signed}\n")
    except (OSError, ValueError) as fault:
        raise InputError(str(fault)) from None
    count = sum(bool(step.command) for step in trace.steps)
    document = {"file": str(arguments.file), "signature": str(signature), "atr": trace.atr.upper(), "profile": trace.profile,
                "exchanges": count, "signatures": len(trace.signatures), "code": trace.code}  # fmt: skip
    lines = [f"{arguments.file}: {count} exchanges, {len(trace.signatures)} signatures, signed in {signature.name}."]
    lines += [f"The twin's PIN is {trace.code}; the card's is not in it."] if trace.code else []
    say(arguments, document, [*lines, "Look through it before you send it."])
    return Exit.DONE


def _replay(arguments: Arguments) -> int:
    trace = read_trace(arguments.file, ProfileKeys.load(arguments.keys))
    arguments.reader, arguments.use_last_try, arguments.codes_file = READER, False, None
    arguments.action, arguments.codes = "test" if arguments.code else "show", _TwinCodes(trace)
    desk = told_tools(arguments)
    desk = replace(desk, settings=replace(desk.settings, ledger=MemoryLedger()))
    return asyncio.run(visit_and_do(arguments, TwinBackend(TraceTwin(trace)), desk))
