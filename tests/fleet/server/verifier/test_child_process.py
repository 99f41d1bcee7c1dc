"""The verifier: right codes match, guesses end, and the code is nowhere."""

import base64
import contextlib
import hashlib
import hmac
import json
import logging
import os
import signal
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from msgspec import structs

from fleet.agent.envelope import seal_release
from fleet.messages.link import release_code, release_mac_input
from fleet.server.verifier import judge as judging
from fleet.server.verifier.answering import answer
from fleet.server.verifier.attempt_counters import (
    TRIES_PER_ENVELOPE,
    TRIES_PER_STATION,
    AttemptCounters,
    FileAttemptStore,
)
from fleet.server.verifier.child_process import VerifierProcess
from fleet.server.verifier.judge import Judge, Keys, KeysError, envelope_digest
from fleet.server.verifier.model import Check, EnvelopeFacts, VerifierAwayError
from tests.fakes.server.envelopes import CARD, ISSUER_KEY, PUK, Envelopes, envelopes, facts

__all__ = ["envelopes"]


@pytest.fixture
def counters(tmp_path: Path) -> Iterator[AttemptCounters]:
    with closing(AttemptCounters(FileAttemptStore(tmp_path / "counters.sqlite"))) as opened:
        yield opened


@pytest.fixture
def judge(envelopes: Envelopes) -> Judge:
    return Judge(Keys.load(envelopes.directory))


def test_the_code_of_the_letter_matches_and_no_other(envelopes: Envelopes, judge: Judge) -> None:
    assert judge.is_match(envelopes.check(PUK, facts()))
    assert not judge.is_match(envelopes.check("73910265", facts()))


@pytest.mark.parametrize(
    "known",
    [None, facts(card="1111111111"), facts(key="unknown"), EnvelopeFacts(CARD, "2026a", "no hex")],
    ids=["unknown order", "another card's letter", "unknown key", "spoilt mac"],
)
def test_whatever_is_missing_is_no_match(envelopes: Envelopes, judge: Judge, known: EnvelopeFacts | None) -> None:
    check = envelopes.check(PUK, known)
    if known is not None and known.card_number != CARD:
        check = envelopes.check(PUK, EnvelopeFacts(CARD, known.key, known.mac))
    assert not judge.is_match(check)


@pytest.mark.parametrize("change", [{"station": "entre-b"}, {"order": "O-2"}, {"nonce": "0" * 32}])
def test_a_seal_opens_for_its_station_order_and_nonce_only(
    envelopes: Envelopes, judge: Judge, change: dict[str, str]
) -> None:
    ask = envelopes.seal(PUK)
    place = {"station": "entre-a", "order": ask.order, "nonce": ask.nonce, **change}
    assert not judge.is_match(Check(1, sealed=ask.sealed, envelope=facts(), **place))


def release_check(envelopes: Envelopes, code: str, known: EnvelopeFacts | None, order: str = "O-1") -> Check:
    ask = seal_release(envelopes.private.public_key().public_bytes_raw(), "entre-a", order, os.urandom(16).hex(), code)
    return Check(1, "entre-a", ask.order, ask.nonce, ask.sealed, known, "release")


def code_of(known: EnvelopeFacts, order: str = "O-1") -> str:
    """As the issuer prints it."""
    return release_code(hmac.digest(ISSUER_KEY, release_mac_input(order, known.card_number, known.mac), hashlib.sha256))


def test_the_release_code_is_that_of_order_card_and_letter_alone(envelopes: Envelopes, judge: Judge) -> None:
    code, newer = code_of(facts()), facts(puk="11112222")
    assert judge.is_match(release_check(envelopes, code, facts()))
    assert not judge.is_match(release_check(envelopes, code, newer)), "a new letter has another"
    assert not judge.is_match(release_check(envelopes, code, facts(), order="O-2"))
    assert not judge.is_match(release_check(envelopes, code, None))
    assert not judge.is_match(release_check(envelopes, PUK, facts())), "the PUK is no release code"


def test_a_sealed_release_code_is_no_puk_and_the_other_way_round(envelopes: Envelopes, judge: Judge) -> None:
    code = code_of(facts())
    assert not judge.is_match(structs.replace(release_check(envelopes, code, facts()), what="puk"))
    assert not judge.is_match(structs.replace(envelopes.check(PUK, facts()), what="release"))


def test_the_codes_of_a_letter_are_counted_apart(envelopes: Envelopes, judge: Judge, counters: AttemptCounters) -> None:
    wrong = [
        answer(release_check(envelopes, f"{n:08d}", facts()), judge, counters, 1000.0 + n).verdict for n in range(6)
    ]
    assert wrong == ["no_match"] * TRIES_PER_ENVELOPE + ["too_many"]
    assert answer(envelopes.check(PUK, facts()), judge, counters, 1010.0).verdict == "match"


@pytest.mark.parametrize(
    ("mac", "code"),
    [("1f8698690e02ca16618550ef7f19da8e945b555a", "57872921"), ("ff" * 32, "47483647"), ("12345678" * 8, "05419896")],
    ids=["the example of RFC 4226 5.4", "the uppermost bit is left out", "leading noughts stay"],
)
def test_a_release_code_is_truncated_as_rfc_4226_says(mac: str, code: str) -> None:
    assert release_code(bytes.fromhex(mac)) == code


@pytest.mark.parametrize("sealed", ["", "!!", "AAAA", "A" * 4000, "ÅÄÖ"])
def test_a_seal_of_nonsense_is_no_match(judge: Judge, sealed: str) -> None:
    assert not judge.is_match(Check(1, "entre-a", "O-1", "0" * 32, sealed, facts()))


def guess(
    envelopes: Envelopes, judge: Judge, counters: AttemptCounters, number: int, known: EnvelopeFacts | None
) -> str:
    check = envelopes.check(f"{number:08d}", known, order="O-1" if known else f"X-{number}")
    return answer(check, judge, counters, now=1000.0 + number).verdict


def test_of_many_guesses_at_one_envelope_five_are_evaluated(envelopes: Envelopes, judge: Judge, tmp_path: Path) -> None:
    evaluated: list[str] = []
    for number in range(200):
        counters = AttemptCounters(
            FileAttemptStore(tmp_path / "counters.sqlite")
        )  # opened anew: a restart gives no new tries
        evaluated.append(guess(envelopes, judge, counters, number, facts()))
        counters.close()
    assert evaluated[:TRIES_PER_ENVELOPE] == ["no_match"] * TRIES_PER_ENVELOPE
    assert set(evaluated[TRIES_PER_ENVELOPE:]) == {"too_many"}


def test_of_ten_thousand_guesses_five_are_evaluated_with_one_alarm(
    envelopes: Envelopes, judge: Judge, counters: AttemptCounters
) -> None:
    wrong = envelopes.check("00000000", facts())
    said = [
        answer(structs.replace(wrong, nonce=f"{number:032x}"), judge, counters, 1000.0 + number / 10)
        for number in range(10_000)
    ]
    assert Counter(one.verdict for one in said) == {"no_match": TRIES_PER_ENVELOPE, "too_many": 9_995}
    assert sum(one.alarm for one in said) == 1


def test_the_right_code_is_not_told_after_five_guesses(
    envelopes: Envelopes, judge: Judge, counters: AttemptCounters
) -> None:
    for number in range(TRIES_PER_ENVELOPE):
        guess(envelopes, judge, counters, number, facts())
    assert answer(envelopes.check(PUK, facts()), judge, counters, 2000.0).verdict == "too_many"
    another_letter = envelopes.check("11112222", facts("11112222"))
    assert answer(another_letter, judge, counters, 2000.0).verdict == "match", "a new letter is a new envelope"


def test_a_station_has_twenty_tries_an_hour_also_at_orders_that_do_not_exist(
    envelopes: Envelopes, judge: Judge, counters: AttemptCounters
) -> None:
    said = [guess(envelopes, judge, counters, number, None) for number in range(TRIES_PER_STATION + 5)]
    assert said == ["no_match"] * TRIES_PER_STATION + ["too_many"] * 5
    assert answer(envelopes.check(PUK, facts()), judge, counters, 1000.0 + 3700).verdict == "match", "an hour later"


def test_a_letter_whose_key_is_missing_costs_no_tries(
    envelopes: Envelopes, judge: Judge, counters: AttemptCounters
) -> None:
    """As where an issuer's new key was put down and the verifier was not started again: nobody can type a code that is right."""
    letter = facts(key="2026b")
    said = [answer(envelopes.check(PUK, letter), judge, counters, 1000.0) for _ in range(TRIES_PER_STATION + 5)]
    assert {(one.verdict, one.alarm) for one in said} == {("no_key", False)}
    (envelopes.directory / "envelope-keys.json").write_text(
        json.dumps({"2026a": base64.b64encode(ISSUER_KEY).decode(), "2026b": base64.b64encode(ISSUER_KEY).decode()})
    )
    started_again = Judge(Keys.load(envelopes.directory))
    assert answer(envelopes.check(PUK, letter), started_again, counters, 1001.0).verdict == "match"


def test_an_alarm_is_given_once(envelopes: Envelopes, judge: Judge, counters: AttemptCounters) -> None:
    alarms = [answer(envelopes.check("00000000", facts()), judge, counters, 1000.0).alarm for _ in range(20)]
    assert alarms.count(True) == 1


def test_a_clock_put_back_gives_no_new_tries(counters: AttemptCounters) -> None:
    for number in range(TRIES_PER_STATION):
        assert counters.admit("entre-a", f"e{number}", f"{number:032x}", now=1e9).refused is None
    assert counters.admit("entre-a", "e", "f" * 32, now=1e9 - 1e8).refused == "too_many"


def test_a_nonce_is_used_once(envelopes: Envelopes, judge: Judge, counters: AttemptCounters) -> None:
    check = envelopes.check(PUK, facts())
    assert [answer(check, judge, counters, 1000.0).verdict for _ in range(2)] == ["match", "nonce_used"]


def test_unknown_and_wrong_take_the_same_work(envelopes: Envelopes, judge: Judge) -> None:
    """Medians of interleaved runs, of this thread's own time: the machine is shared."""
    took: dict[str, list[float]] = {"wrong": [], "unknown": []}
    for _ in range(200):
        for name, known in (("wrong", facts()), ("unknown", None)):
            check = envelopes.check("00000000", known)
            began = time.thread_time()
            judge.is_match(check)
            took[name].append(time.thread_time() - began)
    wrong, unknown = (statistics.median(took[name]) for name in ("wrong", "unknown"))
    assert 0.7 < wrong / unknown < 1.4


def test_another_letter_for_the_order_is_another_envelope() -> None:
    assert envelope_digest("O-1", facts("11111111"), "puk") != envelope_digest("O-1", facts("22222222"), "puk")


async def test_the_process_answers_and_comes_back_after_its_death(
    envelopes: Envelopes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    counters = tmp_path / "counters.sqlite"
    async with VerifierProcess(envelopes.directory, counters) as verifier:
        assert (await verifier.ask("entre-a", envelopes.seal(PUK), facts())).verdict == "match"
        assert verifier.pid is not None
        os.kill(verifier.pid, signal.SIGKILL)
        verdicts = []
        while len(verdicts) < TRIES_PER_ENVELOPE:
            with contextlib.suppress(VerifierAwayError):  # it is being started again
                verdicts.append((await verifier.ask("entre-a", envelopes.seal("00000000"), facts())).verdict)
    assert verdicts[: TRIES_PER_ENVELOPE - 1] == ["no_match"] * (TRIES_PER_ENVELOPE - 1), "the match was a try too"
    assert verdicts[-1] == "too_many"
    assert verifier.pid is None
    kept = counters.read_bytes() + caplog.text.encode()
    for shape in (PUK.encode(), PUK.encode().hex().encode(), base64.b64encode(PUK.encode()), bytes.fromhex(PUK)):
        assert shape not in kept


def flipped(content: bytes, place: int) -> bytes:
    """One character of base64 is another, as after one flipped bit that base64 does not see."""
    return content[:place] + (b"A" if content[place : place + 1] != b"A" else b"B") + content[place + 1 :]


@pytest.mark.parametrize(
    ("name", "place"),
    [("hpke.key", 80), ("hpke-next.key", 80), ("envelope-keys.json", 20), ("envelope-keys.json", 3)],
    ids=["private", "next", "issuer", "id"],
)
def test_a_key_with_a_flipped_bit_is_refused(envelopes: Envelopes, name: str, place: int) -> None:
    """Each value is a key: every right code would be called wrong, and use up the letter's tries."""
    path = envelopes.directory / name
    if not path.exists():
        path.write_bytes((envelopes.directory / "hpke.key").read_bytes())
    Keys.load(envelopes.directory)
    path.write_bytes(flipped(path.read_bytes(), place))
    with pytest.raises(KeysError, match=f"{name}.*damaged"):
        Keys.load(envelopes.directory)


def test_a_rotation_of_the_verifiers_key_is_no_damage(envelopes: Envelopes) -> None:
    in_use, following = envelopes.directory / "hpke.key", envelopes.directory / "hpke-next.key"
    Keys.load(envelopes.directory)
    following.write_bytes(new_private())
    Keys.load(envelopes.directory)
    following.replace(in_use)
    following.write_bytes(new_private())  # a further one begins before the verifier has been started again
    Keys.load(envelopes.directory)
    in_use.write_bytes(new_private())
    with pytest.raises(KeysError, match=r"hpke\.key.*damaged"):
        Keys.load(envelopes.directory)


def new_private() -> bytes:
    return X25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def test_checksums_that_cannot_be_read_are_named(envelopes: Envelopes) -> None:
    Keys.load(envelopes.directory)
    path = envelopes.directory / "key-sums.json"
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(KeysError, match=r"key-sums\.json is damaged"):
        Keys.load(envelopes.directory)


def test_an_issuers_new_key_is_taken_and_one_that_is_missing_is_named(envelopes: Envelopes) -> None:
    Keys.load(envelopes.directory)
    path = envelopes.directory / "envelope-keys.json"
    keys = json.loads(path.read_text())
    path.write_text(json.dumps(keys | {"2027a": base64.b64encode(bytes(32)).decode()}))
    assert {*Keys.load(envelopes.directory).envelope} == {*keys, "2027a"}
    path.write_text(json.dumps(keys))
    with pytest.raises(KeysError, match=r"2027a is not what it was.*remove"):
        Keys.load(envelopes.directory)
    (envelopes.directory / "key-sums.json").unlink()
    assert {*Keys.load(envelopes.directory).envelope} == {*keys}


def test_a_folder_that_cannot_be_written_is_read_as_it_is(
    envelopes: Envelopes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(judging, "write_json", refuse)
    assert Keys.load(envelopes.directory).envelope
    assert "no checksum" in caplog.text


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("hpke.key", None, "No such file"),
        ("hpke.key", "nonsense", "no private key in PEM"),
        ("envelope-keys.json", "[]", "must be a JSON object"),
        ("envelope-keys.json", '{"a": "AAAA"}', "32 bytes"),
    ],
)
async def test_keys_that_cannot_be_used_are_named(
    envelopes: Envelopes, tmp_path: Path, name: str, content: str | None, said: str
) -> None:
    path = envelopes.directory / name
    path.unlink() if content is None else path.write_text(content)
    with pytest.raises(KeysError, match=said):
        Keys.load(envelopes.directory)
    with pytest.raises(VerifierAwayError, match=said):
        async with VerifierProcess(envelopes.directory, tmp_path / "counters.sqlite"):
            pass
