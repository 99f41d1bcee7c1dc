"""Guesses at envelopes: ten thousand at one, and whether the time of an answer tells wrong from unknown.

The server's own answers and its verifier in a process of its own, on a store and counters on disk. For the times each pair is a
wrong code for an order that waits and a code for an order that does not exist, in random turn, of many stations, since each has
twenty tries an hour. The test is Mann and Whitney's, with the interval of the difference of medians by resampling.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import math
import secrets
import statistics
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc.jwk import ECKey
from sqlalchemy import func, insert, select

from benches.figures import Figure, percentile, with_limit
from fleet.agent.envelope import new_nonce, seal_puk
from fleet.messages.link import encode, envelope_mac_input
from fleet.server.asks.answers import EVEN_S, Answers
from fleet.server.database.database import FILE_NAME, Database, open_database
from fleet.server.keys.signing import Signer
from fleet.server.orders.tables import orders
from fleet.server.stations.alarms import AlarmRecorder
from fleet.server.stations.tables import alarms
from fleet.server.verifier.attempt_counters import TRIES_PER_ENVELOPE
from fleet.server.verifier.child_process import VerifierProcess

GUESSES = 10_000
STATIONS = 200
PAIRS_EACH = 4
"""For the work alone, and once more for the answers as they leave."""
AT_ONCE = 16
RESAMPLED = 500
ALPHA = 0.01
CARD, RIGHT = "9752260000", "73910264"
KEY = bytes(range(32))


def measure(folder: Path) -> list[Figure]:
    """Measure how many were judged, how many alarms there are, and the times."""
    return asyncio.run(_measure(folder))


async def _measure(folder: Path) -> list[Figure]:
    private = _keys(folder / "verifier")
    with open_database(folder / FILE_NAME) as database:
        _hold_orders(database)
        async with VerifierProcess(folder / "verifier", folder / "counters.sqlite") as verifier:
            bare, even = (
                _Bench(
                    Answers(
                        database,
                        Signer(ECKey.generate_key("P-256")),
                        verifier,
                        AlarmRecorder(database),
                        _now,
                        even_s=wait,
                    ),
                    private.public_key().public_bytes_raw(),
                )
                for wait in (0.0, EVEN_S)
            )
            judged = await bare.guess(GUESSES)
            with database.reading.begin() as connection:
                raised = connection.execute(select(func.coalesce(func.sum(alarms.c.times), 0))).scalar_one()
            work, answered = await bare.pairs(0, at_once=1), await even.pairs(PAIRS_EACH, at_once=AT_ONCE)
    return [
        with_limit(Figure(f"of {GUESSES:,} guesses at one envelope, judged", judged, ""), TRIES_PER_ENVELOPE),
        with_limit(Figure("their alarms", raised, ""), 1),
        *_times("the work", *work)[:2],
        *_times("the answer", *answered),
    ]


class _Bench:
    def __init__(self, answers: Answers, verifier: bytes) -> None:
        self._answers = answers
        self._verifier = verifier

    async def ask(self, guesses: Sequence[tuple[str, str, str]], at_once: int) -> list[tuple[str | None, float]]:
        """(station, order, code) each: the verdict, and milliseconds."""
        room = asyncio.Semaphore(at_once)

        async def one(station: str, order: str, code: str) -> tuple[str | None, float]:
            payload = encode(seal_puk(self._verifier, station, order, new_nonce(), code))
            async with room:
                began = time.perf_counter()
                answer = await self._answers.answer(station, payload)
                return answer.verdict, 1000 * (time.perf_counter() - began)

        return await asyncio.gather(*(one(*each) for each in guesses))

    async def guess(self, times: int) -> int:
        """Send so many guesses at one envelope, the last one right; return how many were judged."""
        codes = [f"{number:08d}" for number in range(times - 1)] + [RIGHT]
        answers = await self.ask([("guess-a", "O-guessed", code) for code in codes], AT_ONCE)
        return sum(verdict != "too_many" for verdict, _ in answers)

    async def pairs(self, first: int, at_once: int) -> tuple[list[float], list[float]]:
        """Milliseconds of wrong codes and of unknown orders, some of each at every station."""
        guesses = [
            (f"s-{station}", f"{kind}-{station}-{number}", "00000000")
            for station in range(STATIONS)
            for number in range(first, first + PAIRS_EACH)
            for kind in ("O", "X")
        ]
        Random(1).shuffle(guesses)  # noqa: S311  # to mix, not to hide
        answers = await self.ask(guesses, at_once)
        assert {verdict for verdict, _ in answers} == {"no_match"}
        times: dict[str, list[float]] = {"O": [], "X": []}
        for (_, order, _), (_, took) in zip(guesses, answers, strict=True):
            times[order[0]].append(took)
        return times["O"], times["X"]


def same_distribution(ours: Sequence[float], others: Sequence[float]) -> float:
    """The two-sided p of Mann and Whitney's U by its normal approximation: small where one is mostly above the other."""
    ranked = sorted([(value, 0) for value in ours] + [(value, 1) for value in others])
    rank_sum = sum(rank for rank, (_, which) in enumerate(ranked, 1) if which == 0)
    m, n = len(ours), len(others)
    mean, deviation = m * (m + n + 1) / 2, math.sqrt(m * n * (m + n + 1) / 12)
    return math.erfc(abs(rank_sum - mean) / deviation / math.sqrt(2))


def interval(ours: Sequence[float], others: Sequence[float], random: Random) -> tuple[float, float]:
    """Return the interval of the difference of the medians in 95 of 100 resamples."""
    drawn = [
        statistics.median(random.choices(ours, k=len(ours))) - statistics.median(random.choices(others, k=len(others)))
        for _ in range(RESAMPLED)
    ]
    return percentile(drawn, 0.025), percentile(drawn, 0.975)


def _times(label: str, wrong: Sequence[float], unknown: Sequence[float]) -> list[Figure]:
    low, high = interval(wrong, unknown, Random(1))  # noqa: S311  # to resample, not to hide
    p = same_distribution(wrong, unknown)
    noise = f"95 % of resamples: {low:+.3f} to {high:+.3f} ms; Mann-Whitney p = {p:.2f}"
    wrong_figure = Figure(f"{label}: a wrong code", statistics.median(wrong), "ms", f"median of {len(wrong):,}")
    other = Figure(
        f"{label}: an unknown order", statistics.median(unknown), "ms", f"median of {len(unknown):,}; {noise}"
    )
    beyond = Figure(f"{label}: wrong from unknown", wrong_figure.value - other.value, "ms", "difference of the medians")
    within = low <= 0 <= high or p > ALPHA
    return [
        wrong_figure,
        other,
        replace(beyond, wanted="within noise", reached=within, measured=f"{beyond.value:.3g} ms"),
    ]


def _now() -> datetime:
    return datetime.now(UTC)


def _keys(folder: Path) -> X25519PrivateKey:
    folder.mkdir()
    private = X25519PrivateKey.generate()
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "hpke.key").write_bytes(pem)
    (folder / "envelope-keys.json").write_text(json.dumps({"2026a": base64.b64encode(KEY).decode()}))
    return private


def _hold_orders(database: Database) -> None:
    """One that is guessed at, and for each station as many as it asks for."""
    names = [("guess-a", "O-guessed")]
    names += [
        (f"s-{station}", f"O-{station}-{number}") for station in range(STATIONS) for number in range(2 * PAIRS_EACH)
    ]
    rows = [_order(station, order, slot) for slot, (station, order) in enumerate(names)]
    with database.writing.begin() as connection:
        connection.execute(insert(orders), rows)


def _order(station: str, order: str, slot: int) -> dict[str, object]:
    card = CARD + secrets.token_hex(4)
    mac = hmac.digest(KEY, envelope_mac_input(card, RIGHT), hashlib.sha256).hex()
    return {
        "order": order, "hsa_id": "SE0000000000-0001", "name": "Tove Test", "protected": False, "card_number": card,
        "product": "made up", "loa": 3, "station": station, "slot": slot, "last_day": "2999-12-31",
        "envelope_key": "2026a", "envelope_mac": mac, "state": "waiting", "changed": _now(),
    }  # fmt: skip
