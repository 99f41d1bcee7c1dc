"""Actions `kortkiosk card record` and `replay`: a trace of a card without codes and personal data, and the twin that plays it.

The code is asked for once the card has been read; the trace has a made-up one in its place. Nothing is written where anything
of a person or a code may be left: exit 3, with the reason.
"""

import argparse
import asyncio
from dataclasses import replace
from datetime import UTC, datetime

from drivers.reader.errors import ReaderError
from drivers.reader.outcomes import Role
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
from kiosk.cli.card import choose_reader, named_tools, not_read, visit_and_do
from kiosk.cli.card_parser import failed, say
from kiosk.cli.card_settings import InputError

Arguments = argparse.Namespace


class _TwinCodes:
    """The made-up codes of a trace."""

    def __init__(self, trace: Trace) -> None:
        self._codes = {"pin": trace.code, "signature_pin": trace.signature_code}

    def get(self, name: CodeName, label: str) -> Secret:
        """Raises CodesError where the trace was recorded without that code."""
        code = self._codes.get(name)
        if not code:
            raise CodesError(f"the trace was recorded without the {label}: record it with --code")
        return Secret(code)


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
    backend, settings = PcscBackend(), named_tools(arguments).settings
    reader, codes = choose_reader(backend, arguments.reader), CodeSource(arguments.codes_file)

    def code(role: Role) -> Secret:
        return codes.get(*(("signature_pin", "Signature PIN") if role is Role.SIGNATURE else ("pin", "PIN")))

    ask_code = code if arguments.code else None
    trace = asyncio.run(record_card(backend, reader, settings, datetime.now(UTC).date(), ask_code))
    content = trace.to_file()
    try:
        signed = sign(content, key)
        arguments.file.write_bytes(content)
        signature.write_text(f"{signed}\n")
    except (OSError, ValueError) as fault:
        raise InputError(str(fault)) from None
    count = sum(bool(step.command) for step in trace.steps)
    document = {"file": str(arguments.file), "signature": str(signature), "atr": trace.atr.upper(), "profile": trace.profile,
                "exchanges": count, "signatures": len(trace.signatures), "code": trace.code,
                "signature_code": trace.signature_code}  # fmt: skip
    lines = [f"{arguments.file}: {count} exchanges, {len(trace.signatures)} signatures, signed in {signature.name}."]
    made_up = " and ".join(code for code in (trace.code, trace.signature_code) if code)
    lines += [f"The twin's PIN is {made_up}; the card's is not in it."] if made_up else []
    say(arguments, document, [*lines, "Look through it before you send it."])
    return Exit.DONE


def _replay(arguments: Arguments) -> int:
    trace = read_trace(arguments.file, ProfileKeys.load(arguments.keys))
    arguments.reader, arguments.use_last_try, arguments.codes_file = READER, False, None
    arguments.action, arguments.codes = "test" if arguments.code else "show", _TwinCodes(trace)
    toolset = named_tools(arguments)
    toolset = replace(toolset, settings=replace(toolset.settings, ledger=MemoryLedger()))
    return asyncio.run(visit_and_do(arguments, TwinBackend(TraceTwin(trace)), toolset))
