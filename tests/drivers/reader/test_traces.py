"""Traces of cards: recorded from the virtual kinds, scrubbed, signed, and played as twins that the reader takes for cards."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from drivers.reader.card_reader import CardReader, ReaderSettings, try_card, visiting
from drivers.reader.model import CardFacts
from drivers.reader.outcomes import Accepted, Locked, Role, WrongCode
from drivers.reader.profiles import Profiles, builtin
from drivers.reader.profiles.signed import ProfileKeys, sign
from drivers.reader.secret import Secret
from drivers.reader.traces.recorder import RecordingBackend, make_trace, record_card
from drivers.reader.traces.trace import Trace, TraceError, check_trace, has_personal_number, read_trace
from drivers.reader.traces.twin import READER, TraceTwin, TwinBackend
from sim.reader.cards import VirtualCard
from sim.reader.in_process import InProcessBackend
from sim.reader.personas import person
from sim.reader.pki import TestAuthority
from sim.reader.slot import VirtualSlot
from tests.drivers.reader.conftest import EC_PERSON, NOW, wrong_codes

KEY = ed25519.Ed25519PrivateKey.generate()
SETTINGS = ReaderSettings(now=lambda: NOW)
TODAY = date(2026, 3, 2)
PIN = Role.IDENTIFICATION


async def facts_of(backend: Any, name: str) -> CardFacts:
    reader = CardReader(backend, name, SETTINGS)
    try:
        async with visiting(reader) as visit:
            return await visit.complete()
    finally:
        await reader.close()


def plugged(card: Any) -> InProcessBackend:
    slot = VirtualSlot("Bench 0")
    slot.insert(card)
    return InProcessBackend([slot])


async def recorded(card: VirtualCard, code: str | None = None) -> Trace:
    typed = (
        None if code is None else lambda role: Secret(card.persona.signature_pin if role is Role.SIGNATURE else code)
    )
    return await record_card(plugged(card), "Bench 0", SETTINGS, TODAY, typed)


IN_BOTH = [(kind, protocol) for kind in "ABCD" for protocol in ("T=1", "T=0") if protocol == "T=1" or kind in "AB"]


@pytest.mark.parametrize(("kind", "protocol"), IN_BOTH)
async def test_a_twin_is_read_like_its_card_and_is_nobody_s(authority: TestAuthority, kind: str, protocol: Any) -> None:
    persona = person(EC_PERSON).new
    card = VirtualCard.create(persona, authority, NOW, kind=kind, protocol=protocol)
    real = await facts_of(plugged(card), "Bench 0")
    trace = await recorded(card, persona.pin)
    twin = TraceTwin(trace)
    facts = await facts_of(TwinBackend(twin), READER)
    assert twin.missed == 0
    assert (facts.kind, facts.profile, facts.pins, facts.rules) == (real.kind, real.profile, real.pins, real.rules)
    shape = [(one.id, one.purpose, one.loa, one.issuer, one.not_after, len(one.der)) for one in real.certificates]
    assert [
        (one.id, one.purpose, one.loa, one.issuer, one.not_after, len(one.der)) for one in facts.certificates
    ] == shape
    assert len(facts.card_number) == len(real.card_number)
    content = trace.to_file().decode()
    for word in (*persona.name.split(), persona.hsa_id, persona.card_number, persona.serial, persona.pin, persona.puk):
        for old in (
            word.encode(),
            word.encode("utf-16-be"),
            *([bytes.fromhex(word)] if word == persona.serial else []),
        ):
            assert old.hex() not in content, word
    for one in real.certificates:
        public = x509.load_der_x509_certificate(one.der).public_key()
        point = public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        assert point.hex() not in content


@pytest.mark.parametrize("kind", "ABCD")
async def test_a_twin_takes_its_own_code_and_signs_with_its_own_keys(authority: TestAuthority, kind: str) -> None:
    persona = person(EC_PERSON).new
    trace = await recorded(VirtualCard.create(persona, authority, NOW, kind=kind), persona.pin)
    assert len(trace.code) == len(persona.pin)
    assert trace.code != persona.pin
    reader = CardReader(TwinBackend(TraceTwin(trace)), READER, SETTINGS)
    async with visiting(reader) as visit:
        wrong = await visit.verify(PIN, Secret(persona.pin))
        assert isinstance(wrong, WrongCode)
        assert isinstance(await visit.verify(PIN, Secret(trace.code)), Accepted)
        tests = [await try_card(visit, purpose) for purpose in ("signature", "identification")]
    await reader.close()
    assert [test.verified for test in tests] == [True, True]


@pytest.mark.parametrize("trait", ["pso-hash", "internal-authenticate", "consent", "padded-files", "free-key"])
async def test_a_card_that_does_it_otherwise_has_a_twin_that_does_too(authority: TestAuthority, trait: str) -> None:
    """Signed in another order than it was recorded, too."""
    persona = person(EC_PERSON).new
    trace = await recorded(VirtualCard.create(persona, authority, NOW, kind="B", traits=[trait]), persona.pin)
    reader = CardReader(TwinBackend(TraceTwin(trace)), READER, SETTINGS)
    tests = []
    async with visiting(reader) as visit:
        for purpose in ("identification", "signature")[: len(trace.signatures)]:
            assert isinstance(await visit.verify(PIN, Secret(trace.code)), Accepted)
            tests.append((await try_card(visit, purpose)).verified)
    await reader.close()
    assert tests
    assert all(tests)


async def test_an_rsa_card_has_a_twin_too(authority: TestAuthority) -> None:
    persona = replace(person(EC_PERSON).new, key_algorithm="RSA-2048")
    for kind in "BC":
        trace = await recorded(VirtualCard.create(persona, authority, NOW, kind=kind), persona.pin)
        reader = CardReader(TwinBackend(TraceTwin(trace)), READER, SETTINGS)
        async with visiting(reader) as visit:
            assert isinstance(await visit.verify(PIN, Secret(trace.code)), Accepted)
            assert (await try_card(visit, "identification")).verified, kind
        await reader.close()


@pytest.mark.parametrize("one_code", [False, True])
@pytest.mark.parametrize("protocol", ["T=1", "T=0"])
async def test_a_card_with_two_pins_has_a_twin_with_two(
    authority: TestAuthority, protocol: Any, one_code: bool
) -> None:
    persona = person(EC_PERSON).new
    persona = replace(persona, signature_pin=persona.pin if one_code else "864201")
    trace = await recorded(VirtualCard.create(persona, authority, NOW, protocol=protocol), persona.pin)
    assert len(trace.signatures) == 2
    assert len({trace.code, trace.signature_code, persona.pin, persona.signature_pin}) == (3 if one_code else 4)
    assert persona.signature_pin.encode().hex() not in trace.to_file().decode()
    reader = CardReader(TwinBackend(TraceTwin(trace)), READER, SETTINGS)
    async with visiting(reader) as visit:
        for role, own, other in (
            (Role.SIGNATURE, trace.signature_code, trace.code), (PIN, trace.code, trace.signature_code),
        ):  # fmt: skip
            assert isinstance(await visit.verify(role, Secret(other)), WrongCode)
            assert isinstance(await visit.verify(role, Secret(own)), Accepted)
            assert (await try_card(visit, "signature" if role is Role.SIGNATURE else "identification")).verified
    await reader.close()


async def test_wrong_codes_lock_a_twin(make_card: Callable[..., VirtualCard]) -> None:
    trace = await recorded(make_card(), person(EC_PERSON).new.pin)
    reader = CardReader(TwinBackend(TraceTwin(trace)), READER, SETTINGS)
    async with visiting(reader) as visit:
        said = [await visit.verify(PIN, code, last_try_consented=True) for code in wrong_codes(4)]
    await reader.close()
    assert [getattr(one, "tries_left", None) for one in said[:2]] == [2, 1]
    assert isinstance(said[3], Locked)


def a_step(**changed: Any) -> dict[str, Any]:
    return {"command": "00200001083937313533313830", "answer": "9000", **changed}


COVERED = {"spans": [{"what": "code", "at": 5, "length": 6}]}
UNFIT = {
    "a code": a_step(command="0020000108373331383436ffff", **COVERED),
    "a code that is not covered": a_step(),
    "more than padding beside a code": a_step(command="0020000108000000000000abcd", **COVERED),
    "a command that sets a code": a_step(command="002c000108000000000000ffff", **COVERED),
    "a span outside": a_step(command="0020000106000000000000", spans=[{"what": "code", "at": 6, "length": 6}]),
    "a personal identity number": {"command": "00b0000010", "answer": b"121212-1212".hex() + "9000"},
    "personal identity number": {"command": "00b0000010", "answer": "19121212-1212".encode("utf-16-be").hex() + "9000"},
}


@pytest.mark.parametrize("reason", UNFIT)
def test_a_trace_with_a_code_or_a_personal_number_is_not_read(tmp_path: Path, reason: str) -> None:
    content = {
        "format": 1,
        "recorded": "2026-03-02",
        "atr": "3b00",
        "protocol": "T=1",
        "profile": "",
        "steps": [UNFIT[reason]],
    }
    path, keys = save(tmp_path, json.dumps(content).encode())
    with pytest.raises(TraceError, match=f"card.trace: step 0: .*{reason}$"):
        read_trace(path, keys)


async def test_only_what_a_pinned_key_signed_is_read(tmp_path: Path, make_card: Callable[..., VirtualCard]) -> None:
    trace = await recorded(make_card())
    path, keys = save(tmp_path, trace.to_file())
    assert read_trace(path, keys) == trace
    stranger = ProfileKeys.load(public(tmp_path, ed25519.Ed25519PrivateKey.generate()))
    with pytest.raises(TraceError, match="not pinned"):
        read_trace(path, stranger)
    path.write_bytes(path.read_bytes().replace(b"9000", b"9001", 1))
    with pytest.raises(TraceError, match="not over this content"):
        read_trace(path, keys)


def public(folder: Path, key: Any) -> Path:
    (folder / "keys.pem").write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return folder / "keys.pem"


def save(folder: Path, content: bytes) -> tuple[Path, ProfileKeys]:
    (folder / "card.trace").write_bytes(content)
    (folder / "card.trace.jws").write_text(sign(content, KEY))
    return folder / "card.trace", ProfileKeys.load(public(folder, KEY))


LEFT = {
    "a personal number in a file": b"\x0c\x0d19121212-1212",
    "a personal number of two bytes a digit": "191212121212".encode("utf-16-le"),
}


@pytest.mark.parametrize("story", LEFT)
async def test_nothing_is_made_where_something_of_a_person_is_left(
    make_card: Callable[..., VirtualCard], story: str
) -> None:
    backend, recording = RecordingBackend(plugged(make_card())), None
    facts = await facts_of(backend, "Bench 0")
    recording = backend.recording
    assert make_trace(recording, facts, TODAY).steps
    recording.exchanges.append((bytes.fromhex("00b0000020"), LEFT[story] + b"\x90\x00"))
    with pytest.raises(TraceError, match=r"personal identity number|name or number"):
        make_trace(recording, facts, TODAY)


async def test_names_are_mapped_however_they_are_written_and_refused_in_a_command(
    make_card: Callable[..., VirtualCard],
) -> None:
    card = make_card()
    backend, name = RecordingBackend(plugged(card)), card.persona.surname
    facts = await facts_of(backend, "Bench 0")
    written = [name.upper().encode(), name.lower().encode(), name.encode("utf-16-le"), name.encode("utf-16-be")]
    backend.recording.exchanges.append((bytes.fromhex("00b0000040"), b"\x0c".join(written) + b"\x90\x00"))
    content = make_trace(backend.recording, facts, TODAY).to_file()
    for text in written:
        assert text.hex().encode() not in content
    backend.recording.exchanges.append((bytes.fromhex("00a4040008") + name.encode(), b"\x6a\x82"))
    with pytest.raises(TraceError, match="a name or number of the card is left"):
        make_trace(backend.recording, facts, TODAY)


async def test_whose_card_it_is_by_the_unique_identifier_is_mapped(make_card: Callable[..., VirtualCard]) -> None:
    """CHUID of a PIV card (SP 800-73-4 part 1, table 9): FASC-N, GUID, the cardholder's UUID, and the signature over them."""
    backend = RecordingBackend(plugged(make_card()))
    facts = await facts_of(backend, "Bench 0")
    fields = {0x30: bytes(range(1, 26)), 0x34: bytes(range(50, 66)), 0x35: b"20301231", 0x36: bytes(range(70, 86))}
    content = b"".join(
        bytes([tag, len(value)]) + value for tag, value in {**fields, 0x3E: bytes(range(100, 140))}.items()
    )
    answer = b"\x53\x81" + bytes([len(content)]) + content
    chuid = bytes.fromhex("00cb3fff055c035fc10200")
    backend.recording.exchanges += [
        (chuid, answer[:40] + b"\x61\x00"), (bytes.fromhex("00c0000000"), answer[40:] + b"\x90\x00"),
    ]  # fmt: skip
    steps = make_trace(backend.recording, facts, TODAY).steps[-2:]
    told = b"".join(bytes.fromhex(step.answer)[:-2] for step in steps)
    assert len(told) == len(answer)
    kept = [tag for tag, value in {**fields, 0x3E: bytes(range(100, 140))}.items() if value in told]
    assert kept == [0x35]


async def test_a_code_that_was_not_typed_here_ends_the_recording(make_card: Callable[..., VirtualCard]) -> None:
    backend = RecordingBackend(plugged(make_card()))
    facts = await facts_of(backend, "Bench 0")
    backend.recording.exchanges.append((bytes.fromhex("00200001083132333435363738"), b"\x90\x00"))
    with pytest.raises(TraceError, match="a form that is not known here"):
        make_trace(backend.recording, facts, TODAY, {PIN: Secret("654321")})
    backend.recording.exchanges[-1] = (bytes.fromhex("00240001083132333435363738"), b"\x90\x00")
    with pytest.raises(TraceError, match="a command that sets a code"):
        make_trace(backend.recording, facts, TODAY, {PIN: Secret("12345678")})


async def test_a_wrong_code_makes_no_trace(make_card: Callable[..., VirtualCard]) -> None:
    with pytest.raises(TraceError, match="did not take the code"):
        await recorded(make_card(), "111111")


async def test_what_a_profile_says_is_read_from_a_twin_as_from_its_card(authority: TestAuthority) -> None:
    """Without the profile of the card, as whoever is to write one."""
    unknown = Profiles(one for one in builtin() if not one.name.startswith("virtual-"))
    settings = replace(SETTINGS, profiles=unknown)
    card = VirtualCard.create(person(EC_PERSON).new, authority, NOW, kind="B")
    trace = await record_card(plugged(card), "Bench 0", settings, TODAY, lambda _role: Secret(card.persona.pin))
    drafts = []
    for backend, name in ((plugged(card), "Bench 0"), (TwinBackend(TraceTwin(trace)), READER)):
        reader = CardReader(backend, name, settings)
        async with visiting(reader) as visit:
            drafts.append(visit.draft_profile())
        await reader.close()
    assert drafts[0] == drafts[1]
    check_trace(trace)


@pytest.mark.parametrize("kind", "AB")
@pytest.mark.parametrize(("recorded_in", "played_in"), [("T=0", "T=1"), ("T=1", "T=0")])
async def test_a_twin_may_be_spoken_to_in_the_other_protocol(
    authority: TestAuthority, kind: str, recorded_in: Any, played_in: Any
) -> None:
    """Whoever plugs it into a reader does not choose: a card of an ATR that offers both is spoken to as the reader likes."""
    persona = person(EC_PERSON).new
    trace = await recorded(VirtualCard.create(persona, authority, NOW, kind=kind, protocol=recorded_in), persona.pin)
    twin = TraceTwin(trace)
    twin.protocol = played_in
    reader = CardReader(TwinBackend(twin), READER, SETTINGS)
    async with visiting(reader) as visit:
        facts = await visit.complete()
        assert len(facts.certificates) == 2
        assert isinstance(await visit.verify(PIN, Secret("111111"), last_try_consented=True), WrongCode)
        assert isinstance(await visit.verify(PIN, Secret(trace.code)), Accepted)
        assert (await try_card(visit, "identification")).verified
    await reader.close()


@pytest.mark.parametrize("content", [b"\x17\x0d311003194253Z", b"\x17\x0d3110031942", b"311003194253Z\x17\x0d"])
def test_the_time_in_a_certificate_is_no_number_of_a_person(content: bytes) -> None:
    """RFC 5280 4.1.2.5; one in some fifty has the check digit of a number. A read of the card may cut it."""
    assert not has_personal_number(content)


@pytest.mark.parametrize(
    "content", [b"\x13\x0c191212121212", b"\x0c\x0d19121212-1212", b"\x17\x0d311003194253Z191212121212"]
)
def test_a_number_of_a_person_is_found_beside_a_time(content: bytes) -> None:
    assert has_personal_number(content)
