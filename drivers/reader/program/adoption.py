"""Adoption of a card product: from one card that no profile names to a signed profile, a trace and a report that may be sent.

Steps: look without a code; ask what no card tells; record it, with its PIN where it may go out, and play the trace; then ask the
card for its tries, set a new PIN, and use the PUK. Of a card that nobody understands there is a trace all the same. Rules:
- A code goes out only after it was said what that may cost, and agreed: `MOST_TRIES` times at most. After one that was not taken
  no other goes out; the PIN may go out once more with another filler. The floors of `drivers.reader` hold under the profile that
  is being tried as well.
- What was not done on the card is not in the profile: without a change of the PIN the product stays what it was.
- Report and trace hold no code, name or number of a person.
"""

import asyncio
import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from drivers.reader.card_reader import ReaderSettings
from drivers.reader.errors import UnknownCardError
from drivers.reader.model import CardFacts, Purpose
from drivers.reader.outcomes import (
    Accepted,
    CodeOutcome,
    Locked,
    Refused,
    Role,
    Signed,
    SignOutcome,
    Unknown,
    WrongCode,
)
from drivers.reader.pin.try_ledger import MemoryLedger
from drivers.reader.port import Backend
from drivers.reader.profiles import BY_SERIAL, Profiles, builtin, parse
from drivers.reader.profiles.draft import policies_of, with_value
from drivers.reader.profiles.signed import SUFFIX, PrivateKey, ProfileKeys, add_signed, checked, sign
from drivers.reader.program.codes import CodeName, Codes, CodesError
from drivers.reader.program.questions import AnswerError, Questions
from drivers.reader.secret import Secret
from drivers.reader.synchronous import OpenCard, open_card
from drivers.reader.traces.recorder import record_card
from drivers.reader.traces.trace import Trace, has_personal_number
from drivers.reader.traces.twin import READER, TraceTwin, TwinBackend

PROFILE_KEYS = "profile-keys.pem"
REPORT = "report.json"
TRACE = "card.trace"
KEYS = ("name", "levels", "same_number", "unblocking", "try_pin", "try_padding", "try_change", "try_unblock")
"""Of the answers that a file has."""
_WHO = ("holder", "administrator", "printed", "nobody")
_PURPOSES: tuple[Purpose, ...] = ("signature", "identification")
_MEASURED = "being measured"
_LEVELS = """Certificate policies on the card: {policies}.
Which level of assurance has each, by the certificate policy of your region? Write OID=LEVEL, a blank between two; nothing: the
level stays not known"""
_NUMBER = "The number of this card is read as {number}. Does the same number stand on it?"
_PIN_TRY = """The card will get its PIN now, several times, and sign. A right PIN costs nothing, a wrong one costs one try
({left}). In between the card is asked twice how many tries are left; on a few products each question
uses one, which the right PIN gives back. May the PIN go to the card?"""
_PADDING_TRY = """The card did not take the PIN: {outcome}. It may be another PIN, or the card wants its codes filled in another
way than it says. If you are sure of the PIN, it can go out once more, filled the other way. A wrong PIN costs one try, and it is
not the last one; where the card refused the length, as far as is known none was used. May it go to the card?"""
_CHANGE_TRY = """The PIN of this card will be changed to one that you choose, and tested. Where the card wants the command in
another form, one PIN try is used ({left}). May it be changed?"""
_UNBLOCK_TRY = """The card will get its PUK once, and with it the PIN that it had before (RESET RETRY COUNTER). A wrong PUK, or a
card that wants it in another form, costs one of its PUK tries, which on many products never comes back
({left}). May the PUK go to the card?"""


class AdoptionError(Exception):
    """The card cannot be adopted; the text is for the person at the desk."""


@dataclass(slots=True)
class Adoption:
    """One run. `folder` is where everything is written; `key` signs."""

    backend: Backend
    reader: str
    settings: ReaderSettings
    questions: Questions
    codes: Codes
    key: PrivateKey
    folder: Path
    today: date
    done: dict[str, str] = field(default_factory=dict)
    """What was tried, and how it ended."""
    draft: str = ""
    """What the card says of itself."""
    values: dict[str, tuple[object, str]] = field(default_factory=dict)
    """What is known beside it, by key: value and source."""
    pins: dict[Role, Secret] = field(default_factory=dict)

    def run(self) -> tuple[str, ...]:
        """All of it. Gives what the product may do from now on. Raises AdoptionError, AnswerError, CodesError, ProfileError,
        TraceError, ReaderError, OSError."""
        began = time.monotonic()
        try:
            facts = self._look()
        except UnknownCardError:
            self._record()
            raise AdoptionError(
                f"this program does not understand the card; what it said is in {self.folder / TRACE}"
            ) from None
        self._describe(facts)
        if self.questions.agree("try_pin", _PIN_TRY.format(left=_left(facts, Role.IDENTIFICATION))):
            self._pin()
            self._try()
        else:
            self._record()
        name = self._write()
        abilities = self._abilities(name)
        self._report(facts, name, abilities, round(time.monotonic() - began - self.questions.waited_s, 1))
        return abilities

    def _look(self) -> CardFacts:
        """Without a code, and without a question that might cost a try."""
        with self._card(self.settings.profiles.quiet()) as card:
            facts, self.draft, certificates = card.facts, card.draft_profile(), card.certificates
        codes = (f"{pin.role.value} of {pin.entry_min_length} to {pin.max_length}" for pin in facts.pins)
        rank = self.settings.profiles.match_name(facts.profile).rank
        self.values["rank"] = (max(10, rank + 1), "")
        print(f"The card is {facts.kind}, by the profile {facts.profile}{', read-only' * facts.rules.read_only}.")
        print(f"Codes: {', '.join(codes) or 'none'}.")
        print(f"Certificates: {', '.join(certificate.purpose for certificate in certificates) or 'none'}.")
        return facts

    def _describe(self, facts: CardFacts) -> None:
        """Ask for what no card tells: its product's name, what its policies mean, which number is printed."""
        ask, policies = self.questions.ask, policies_of(facts)
        name = ask("name", "A short name for the product, of a-z, 0-9 and -", default=parse(self.text(), "draft").name)
        self.values["name"] = (name, "")
        if policies:
            levels = _levels(ask("levels", _LEVELS.format(policies=", ".join(policies))), policies)
            if levels:
                self.values["certificates.loa"] = (levels, "the region's certificate policy, by the person at the desk")
        same = ask("same_number", _NUMBER.format(number=facts.card_number or "none"), ("yes", "no")) == "yes"
        self.done["number"] = "as printed" if same else "not as printed"
        if same and facts.card_number and facts.card_number == facts.serial.upper():
            self.values["certificates.card_number"] = (BY_SERIAL, "compared with the number on the card")
        parse(self.text(), "answers")

    def _try(self) -> None:
        """On the twin of the trace, then on the card; each step only where the one before was taken."""
        self._send_pin()
        self._play(self._record(self._copy))
        self._measure()
        if not self.questions.agree("try_change", _CHANGE_TRY.format(left=_left(self._facts(), Role.IDENTIFICATION))):
            return
        proved = f"adopted on {self.today}: on one card the PIN was verified and changed"
        new = self._code("new_pin", "New PIN")
        if new is None:
            return
        with self._card(self._profiles({"proved": ("card", proved)})) as card:
            if not self._took("change", card.change_pin(self._pin(), new)):
                return
            if self._took("verify the new PIN", card.verify_pin(new)):
                self.values["proved"] = ("card", proved)
        if "proved" not in self.values or not self._unlock():
            print("The PIN of this card is now the new one.")

    def _send_pin(self) -> None:
        """The PIN as the card describes it, then with the other filler, where that may be it and the person agrees."""
        with self._card(self.settings.profiles.quiet()) as card:
            outcome = card.verify_pin(self._copy())
            answer = (
                card.verify_pin(self._copy()) if isinstance(outcome, WrongCode) else outcome
            )  # not sent: another form?
            possible = isinstance(answer, Refused) and answer.other_form
            if possible and self.questions.agree("try_padding", _PADDING_TRY.format(outcome=_words(outcome))):
                outcome = card.verify_pin(self._copy(), other_form=True)
                self._note("verify, other filler", _words(outcome))
                pad = parse(card.draft_profile(), "draft").commands.pad
                self.values["commands.pad"] = (pad, "measured on one card: it took its PIN so, and not as it says")
        if not isinstance(outcome, Accepted):
            raise AdoptionError("the card did not take the code")

    def _record(self, code: Callable[[Role], Secret] | None = None) -> Trace:
        """The card's trace, signed; with a code it signs in it. Raises TraceError, ReaderError, OSError."""
        profiles = self._profiles() if self.draft else self.settings.profiles
        settings = replace(self.settings, profiles=profiles.quiet())
        trace = asyncio.run(record_card(self.backend, self.reader, settings, self.today, code))
        self._save(TRACE, trace.to_file())
        return trace

    def _play(self, trace: Trace) -> None:
        """Ask the card's twin what the card was asked, under the draft."""
        settings = ReaderSettings(profiles=self._profiles().quiet(), ledger=MemoryLedger())
        with open_card(READER, backend=TwinBackend(TraceTwin(trace)), settings=settings) as twin:
            self._prove(twin, lambda role: trace.signature_code if role is Role.SIGNATURE else trace.code, "twin: ")

    def _measure(self) -> None:
        """Measure whether asking for tries costs one: the PIN is right, so both answers must be alike and the PIN still taken."""
        asking = {"commands.counter": ("empty-verify", _MEASURED), "proved": ("card", _MEASURED)}
        first = _tries(self._facts(asking), Role.IDENTIFICATION)
        second = _tries(self._facts(asking), Role.IDENTIFICATION) if first != 1 else None  # it would be the last
        with self._card(self._profiles().quiet()) as card:
            if not self._prove(card, self._pin):
                raise AdoptionError("the card did not take the PIN again: no other code goes out")
            self.draft = card.draft_profile()
        self.done["counter"] = f"asked twice: {first}, {second}"
        if first is not None and first == second:
            source = f"measured on one card: 63C{first:X} twice, and its PIN was taken after it"
            self.values["commands.counter"] = ("empty-verify", source)
            self.values["pin.tries"] = (first, "what the card said once its PIN was right")

    def _unlock(self) -> bool:
        """By the PUK, where the issuer's rule lets somebody. Gives whether the card has its former PIN again."""
        by = self.questions.ask("unblocking", "By the issuer's rule, who may unlock a locked PIN with the PUK?", _WHO)
        if by == "nobody":
            return False
        unblocking = {"unblocking.by": (by, "the issuer's rule, by the person at the desk"),
                      "commands.unblock": ("puk-and-new", f"adopted on {self.today}: taken by one card")}  # fmt: skip
        if not self.questions.agree("try_unblock", _UNBLOCK_TRY.format(left=_left(self._facts(unblocking), Role.PUK))):
            return False
        puk = self._code("puk", "PUK")
        if puk is None:
            return False
        with self._card(self._profiles(unblocking)) as card:
            if not self._took("unblock", card.unblock(puk, self._pin(), attended=True)):
                return False
            self._took("verify the PIN that it had before", card.verify_pin(self._pin()))
        self.values |= unblocking
        return True

    def _code(self, name: CodeName, label: str) -> Secret | None:
        """A code for the next step; without it the step is left out."""
        try:
            with self.questions.waiting():
                return self.codes.get(name, label)
        except CodesError as fault:
            print(f"Left out: {fault}")
            return None

    def _pin(self, role: Role = Role.IDENTIFICATION) -> Secret:
        """A PIN, which the person types once. Raises CodesError."""
        if role not in self.pins:
            with self.questions.waiting():
                second = role is Role.SIGNATURE
                self.pins[role] = self.codes.get(*(("signature_pin", "Signature PIN") if second else ("pin", "PIN")))
        return self.pins[role]

    def _copy(self, role: Role = Role.IDENTIFICATION) -> Secret:
        return Secret(self._pin(role).reveal())

    def _prove(self, card: OpenCard, code: Callable[[Role], str | Secret], where: str = "") -> bool:
        """Verify each PIN and sign with each key, that of the signature first: some want it just before their use."""
        if not self._took(f"{where}verify", card.verify_pin(code(Role.IDENTIFICATION))):
            return False
        for purpose in _PURPOSES:
            guard, certificate = card.facts.guard(purpose), card.facts.certificate(purpose)
            if guard is None or certificate is None:
                continue
            own = guard.role is Role.SIGNATURE
            if own and not self._took(f"{where}verify, signature", card.verify_pin(code(guard.role), guard.role)):
                return False
            self._note(f"{where}sign, {purpose}", _words(card.sign(secrets.token_bytes(32), purpose)))
        return True

    def _took(self, step: str, outcome: CodeOutcome) -> bool:
        self._note(step, _words(outcome))
        return isinstance(outcome, Accepted)

    def _note(self, step: str, outcome: str) -> None:
        self.done[step] = outcome
        print(f"{step}: {outcome}")

    def text(self, more: Mapping[str, tuple[object, str]] | None = None) -> str:
        """The profile as far as it is known, with what is being tried."""
        profile = self.draft
        for key, (value, source) in {**self.values, **(more or {})}.items():
            profile = with_value(profile, key, value, source)
        return profile

    def _profiles(self, more: Mapping[str, tuple[object, str]] | None = None) -> Profiles:
        return self.settings.profiles.with_added(parse(self.text(more), "draft"))

    def _card(self, profiles: Profiles) -> OpenCard:
        return open_card(self.reader, backend=self.backend, settings=replace(self.settings, profiles=profiles))

    def _facts(self, more: Mapping[str, tuple[object, str]] | None = None) -> CardFacts:
        """The card as it is read now, with what is being tried."""
        with self._card(self._profiles(more)) as card:
            return card.facts

    def _write(self) -> str:
        """The profile and its signature, as a station takes them. Gives its name. Raises ProfileError, OSError."""
        content = self.text().encode()
        name = checked(content, "draft", builtin()).name
        self._save(f"{name}.toml", content)
        return name

    def _save(self, name: str, content: bytes) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_bytes(content)
        (self.folder / (name + SUFFIX)).write_text(sign(content, self.key) + "\n", "ascii")
        public = self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        (self.folder / PROFILE_KEYS).write_bytes(public)

    def _abilities(self, name: str) -> tuple[str, ...]:
        """Return what a station with this folder does with the card, by looking at it as a station would."""
        loaded = add_signed(self.settings.profiles, self.folder, ProfileKeys.load(self.folder / PROFILE_KEYS))
        with self._card(loaded.profiles) as card:
            facts = card.facts
        if facts.profile != name:
            refused = ", ".join(map(str, loaded.refused))
            raise AdoptionError(f"the card is read by the profile {facts.profile}, not by {name} {refused}")
        return tuple(_abilities(facts, self.done))

    def _report(self, facts: CardFacts, name: str, abilities: tuple[str, ...], machine_s: float) -> None:
        lengths = ((pin, [pin.entry_min_length, pin.max_length]) for pin in facts.pins)
        report = {
            "recorded": self.today.isoformat(), "profile": name, "read_as": facts.profile, "kind": facts.kind,
            "atr": facts.atr.hex().upper(), "policies": policies_of(facts), "done": self.done, "may": abilities,
            "codes": [{"role": pin.role, "reference": pin.reference, "lengths": both} for pin, both in lengths],
            "certificates": [certificate.purpose for certificate in facts.certificates],
            "questions": self.questions.asked, "announced": self.questions.announced, "machine_s": machine_s,
        }  # fmt: skip
        content = json.dumps(report, ensure_ascii=False, indent=1).encode()
        if has_personal_number(content):
            raise AdoptionError("the report would hold a personal identity number: it is not written")
        (self.folder / REPORT).write_bytes(content)


def _words(outcome: CodeOutcome | SignOutcome) -> str:
    match outcome:
        case Accepted() | Signed():
            return "accepted"
        case WrongCode(tries_left):
            return f"wrong, {'nobody knows how many' if tries_left is None else tries_left} tries left"
        case Locked():
            return "locked"
        case Refused(reason, status):
            return f"refused: {reason.value}" + ("" if status is None else f" {status:04X}")
        case Unknown():
            return "unknown: look at the card again before a code is typed"


def _levels(answer: str, policies: tuple[str, ...]) -> dict[str, int]:
    """`OID=LEVEL` by blanks. Raises AnswerError."""
    levels = {}
    for part in answer.split():
        oid, _, level = part.partition("=")
        if oid not in policies or level not in ("1", "2", "3", "4"):
            raise AnswerError(f"levels: {part}: must be one of the card's policies, = and a level from 1 to 4")
        levels[oid] = int(level)
    return levels


def _tries(facts: CardFacts, role: Role) -> int | None:
    pin = facts.pin(role)
    return None if pin is None else pin.tries_left


def _left(facts: CardFacts, role: Role) -> str:
    left = _tries(facts, role)
    return "the card does not say how many are left" if left is None else f"{left} left"


def _abilities(facts: CardFacts, done: Mapping[str, str]) -> Iterator[str]:
    yield "be read, and its PIN verified"
    signed = [purpose for purpose in _PURPOSES if done.get(f"sign, {purpose}") == "accepted"]
    if signed:
        yield f"sign ({', '.join(signed)})"
    if not facts.rules.read_only:
        yield "get a new PIN by the old one"
    if facts.rules.unblocking != "nobody":
        yield f"be unlocked with its PUK ({facts.rules.unblocking})"
    levels = sorted({c.loa for c in facts.certificates if c.purpose != "other" and c.loa is not None})
    yield f"prove level {', '.join(map(str, levels))}" if levels else "prove no level: the level is not known"
