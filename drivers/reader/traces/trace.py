"""Trace of a card as a file: exchanges in order, signed, with nothing in it that is a person's.

Rules, which hold for who writes and for who reads a trace:
- No command has a code: where one stood are zeros, and a span says so. Commands that set a code are in no trace.
- No answer has a personal identity number, neither as ASCII nor as UTF-16.
- Card numbers, names and serials were mapped and certificates issued anew by whoever recorded it (`scrubbing`).
- Only a trace with the signature of a pinned key beside it (`FILE.jws`) is read, like a profile.
"""

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from drivers.reader.profiles import ProfileError
from drivers.reader.profiles.signed import MAX_SIGNATURE_BYTES, SUFFIX, ProfileKeys, check

MAX_FILE_BYTES = 4 * 1024 * 1024
MAX_STEPS = 4000
CODE_COMMANDS = (0x20, 0x24, 0x2C)
"""VERIFY, CHANGE REFERENCE DATA, RESET RETRY COUNTER (ISO/IEC 7816-4 11.6)."""
VERIFY = 0x20
Hex = Annotated[str, Field(pattern=r"^([0-9a-f]{2})*$", max_length=2 * 70_000)]
_DIGITS = re.compile(r"(?<!\d)(?:\d{2})?(\d{6})[-+]?(\d{4})(?!\d)")
_TIME = re.compile(rb"\x17\x0d\d{0,12}Z?|\x18\x0f\d{0,14}Z?|\A\d{1,14}Z")
"""UTCTime and GeneralizedTime (X.690 8.25, 8.26), also where a read of the card cuts one: they are no numbers of persons."""


class TraceError(Exception):
    """It is no trace that may be written or read. The text says why; it shows no content."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Span(_Part):
    """Bytes of a command or an answer that are made anew when the trace is played.

    `code`: of a command; zeros in the trace. `hash`: of a command, what is signed. `signature`: of an answer, that signature from
    its byte `start` on.
    """

    what: Literal["code", "hash", "signature"]
    at: Annotated[int, Field(ge=0)]
    length: Annotated[int, Field(ge=1)]
    signature: Annotated[int, Field(ge=0)] = 0
    start: Annotated[int, Field(ge=0)] = 0


class Step(_Part):
    """One exchange: command and answer with its status bytes; or a reset, without either."""

    command: Hex = ""
    answer: Hex = ""
    spans: tuple[Span, ...] = ()


class SignatureForm(_Part):
    """Form of a signature of the trace: by which test key (PKCS#8, base64), over which hash, in how many bytes."""

    key: str
    hash: Literal["sha256", "sha384"]
    form: Literal["pkcs1", "pss", "der", "raw"]
    length: Annotated[int, Field(ge=1, le=1024)]


class Trace(_Part):
    """One card. `code`: the made-up code that the twin takes, where a code was verified; `signature_code`: that of a second PIN,
    with the reference by which it is named."""

    format: Literal[1] = 1
    recorded: date
    atr: Hex
    protocol: Literal["T=0", "T=1"]
    profile: str
    """Name of the profile that it was read with."""
    steps: Annotated[tuple[Step, ...], Field(max_length=MAX_STEPS)]
    signatures: tuple[SignatureForm, ...] = ()
    code: Annotated[str, Field(pattern=r"^[0-9]{0,16}$")] = ""
    signature_code: Annotated[str, Field(pattern=r"^[0-9]{0,16}$")] = ""
    signature_reference: Annotated[int, Field(ge=0, le=255)] = 0

    def code_of(self, reference: int) -> bytes:
        """The made-up code of that reference."""
        second = self.signature_code and reference == self.signature_reference
        return (self.signature_code if second else self.code).encode()

    def to_file(self) -> bytes:
        """As it is signed. Raises TraceError."""
        check_trace(self)
        return self.model_dump_json(indent=1, exclude_defaults=True).encode() + b"\n"


def read_trace(path: Path, keys: ProfileKeys) -> Trace:
    """A trace that a pinned key signed, checked. Raises TraceError with file and reason."""
    try:
        content = _bounded(path, MAX_FILE_BYTES)
        check(content, _bounded(path.with_name(path.name + SUFFIX), MAX_SIGNATURE_BYTES), keys, path.name)
        trace = Trace.model_validate_json(content)
    except ProfileError as fault:
        raise TraceError(str(fault)) from None
    except ValidationError as fault:
        first = fault.errors()[0]
        raise TraceError(f"{path.name}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    try:
        check_trace(trace)
    except TraceError as fault:
        raise TraceError(f"{path.name}: {fault}") from None
    return trace


def check_trace(trace: Trace) -> None:
    """Raises TraceError where a step holds a code or a personal identity number, or a span lies outside."""
    answers = b""
    for number, step in enumerate(trace.steps):
        command, answer = bytes.fromhex(step.command), bytes.fromhex(step.answer)
        _check_spans(number, step, len(trace.signatures))
        if len(command) > 5 and command[1] in CODE_COMMANDS:
            _check_code(number, command, step)
        answers += answer[:-2]
        for content in (command, answer):
            if has_personal_number(content):
                raise TraceError(f"step {number}: a personal identity number")
    if has_personal_number(answers):
        raise TraceError("the answers hold a personal identity number")


def has_personal_number(content: bytes) -> bool:
    """Tell whether a Swedish personal identity or coordination number stands in it: ten or twelve digits, day and check digit."""
    content = _TIME.sub(b"\0", content)
    wide = [content[at:].decode(name, "replace") for name in ("utf-16-be", "utf-16-le") for at in (0, 1)]
    texts = (content.decode("latin-1"), *wide)
    return any(is_personal_number(match) for text in texts for match in _DIGITS.findall(text))


def is_personal_number(digits: tuple[str, str]) -> bool:
    """Of six digits of a day (a coordination number adds 60 to it) and four more.

    >>> is_personal_number(("121212", "1212")), is_personal_number(("121212", "1213"))
    (True, False)
    """
    day, number = digits
    month, of_month = int(day[2:4]), int(day[4:6]) % 60
    return 1 <= month <= 12 and 1 <= of_month <= 31 and _luhn(day + number)


def _luhn(digits: str) -> bool:
    doubled = (int(digit) * (2 - place % 2) for place, digit in enumerate(digits))
    return sum(value // 10 + value % 10 for value in doubled) % 10 == 0


def _check_code(number: int, command: bytes, step: Step) -> None:
    covered = [span for span in step.spans if span.what == "code"]
    if command[1] != VERIFY:
        raise TraceError(f"step {number}: a command that sets a code")
    if len(covered) != 1:
        raise TraceError(f"step {number}: a code that is not covered")
    span = covered[0]
    code, rest = command[span.at : span.at + span.length], command[5 : span.at] + command[span.at + span.length :]
    if any(code):
        raise TraceError(f"step {number}: a code")
    if len(set(rest)) > 1 or (rest and rest[0] not in (0x00, 0xFF)):
        raise TraceError(f"step {number}: more than padding beside a code")


def _check_spans(number: int, step: Step, signatures: int) -> None:
    for span in step.spans:
        whole = len(step.answer) // 2 - 2 if span.what == "signature" else len(step.command) // 2
        if span.at + span.length > whole or (span.what != "code" and span.signature >= signatures):
            raise TraceError(f"step {number}: a span outside")


def steps_with(trace: Trace, kind: str) -> Iterator[tuple[Step, Span]]:
    """Steps that have such a span."""
    return ((step, span) for step in trace.steps for span in step.spans if span.what == kind)


def _bounded(path: Path, most: int) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(most + 1)
    except OSError as fault:
        raise TraceError(f"{path.name}: {fault.strerror}") from None
    if len(content) > most:
        raise TraceError(f"{path.name}: longer than {most} bytes")
    return content
