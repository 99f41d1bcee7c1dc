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
from drivers.reader.profiles.signed import ProfileKeys, sign
from drivers.reader.secret import Secret
from drivers.reader.traces.recorder import record_card
from drivers.reader.traces.trace import Trace, TraceError, check_trace, read_trace
from drivers.reader.traces.twin import READER, TraceTwin, TwinBackend
from sim.reader.cards import VirtualCard
from sim.reader.in_process import InProcessBackend
from sim.reader.personas import person
from sim.reader.pki import TestAuthority
from sim.reader.slot import VirtualSlot
from tests.drivers.reader.conftest import EC_PERSON, NOW

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
    typed = None if code is None else lambda: Secret(code)
    return await record_card(plugged(card), "Bench 0", SETTINGS, TODAY, typed)


@pytest.mark.parametrize("protocol", ["T=1", "T=0"])
@pytest.mark.parametrize("kind", "ABCD")
async def test_a_twin_is_read_like_its_card_and_is_nobody_s(authority: TestAuthority, kind: str, protocol: Any) -> None:
    if protocol == "T=0" and kind in "CD":
        pytest.skip("speaks T=1 only")
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


async def test_an_rsa_card_has_a_twin_too(authority: TestAuthority) -> None:
    persona = replace(person(EC_PERSON).new, key_algorithm="RSA-2048")
    for kind in "BC":
        trace = await recorded(VirtualCard.create(persona, authority, NOW, kind=kind), persona.pin)
        reader = CardReader(TwinBackend(TraceTwin(trace)), READER, SETTINGS)
        async with visiting(reader) as visit:
            assert isinstance(await visit.verify(PIN, Secret(trace.code)), Accepted)
            assert (await try_card(visit, "identification")).verified, kind
        await reader.close()


async def test_wrong_codes_lock_a_twin(make_card: Callable[..., VirtualCard]) -> None:
    trace = await recorded(make_card(), person(EC_PERSON).new.pin)
    reader = CardReader(TwinBackend(TraceTwin(trace)), READER, SETTINGS)
    async with visiting(reader) as visit:
        said = [await visit.verify(PIN, Secret("111111"), last_try_consented=True) for _ in range(4)]
    await reader.close()
    assert [getattr(one, "tries_left", None) for one in said[:2]] == [2, 1]
    assert isinstance(said[3], Locked)
