"""The order book: what the server signed for this station, whole or not at all."""

import asyncio
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jws
from joserfc.jwk import ECKey, OctKey

from fleet.agent import sync
from fleet.agent.answer_verification import SyncRefused
from fleet.agent.at_rest import AtRestCipher, kept_keys_file
from fleet.agent.identity import Broker, Identity
from fleet.agent.keeping import AskTimeout, LinkDown
from fleet.agent.store import StationStore
from fleet.agent.sync import OrderBook
from fleet.messages.asking import ORDER_TYP, SYNC_TYP
from fleet.messages.leavers import hand_over_digest
from fleet.messages.link import Answer, Ask, Order, OrderAsk, SyncAsk, SyncPage
from provisioning.authority import public_jwk
from sim.stories.administrators import administrator
from sim.stories.patience import LIMIT_S

SIGNING = ec.generate_private_key(ec.SECP256R1())
NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
TODAY = NOW.date()
ANNA, BO, CECILIA = "TEST000000-0001", "TEST000000-0002", "TEST000000-0003"


def order(number: str, hsa_id: str = ANNA, last_day: str = "2026-04-01") -> Order:
    return Order(number, hsa_id, "Made Up", False, f"9752{number}", "TEST 601", 3, 4, last_day)


def page(
    *orders: Order, issued: datetime = NOW, days: float = 7, station: str = "entre-a", following: str | None = None
) -> SyncPage:
    administrators = (administrator("TEST000000-9001", "Made Up Administrator"),)
    not_after = (issued + timedelta(days=days)).isoformat()
    return SyncPage(station, issued.isoformat(), not_after, orders, administrators, following)


def signed(content: SyncPage, key: ec.EllipticCurvePrivateKey = SIGNING, typ: str = SYNC_TYP) -> Answer:
    token = jws.serialize_compact({"alg": "ES256", "typ": typ}, msgspec.json.encode(content), ECKey.import_key(key))
    return Answer(ok=True, jws=token)


class FakeLink:
    """Answers from a script; the signatures are real."""

    def __init__(self) -> None:
        self.online = True
        self.answers: list[Answer | Exception] = []
        self.asked: list[Ask] = []
        self.listeners: list[Callable[[bool], None]] = []
        self.heard = asyncio.Event()

    def on_change(self, listener: Callable[[bool], None]) -> Callable[[], None]:
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)

    async def ask(self, message: Ask, timeout_s: float = 10.0) -> Answer:
        self.asked.append(message)
        self.heard.set()
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def link() -> FakeLink:
    return FakeLink()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def identity(tmp_path: Path) -> Identity:
    key = tmp_path / "station.key"
    return Identity("entre-a", 1, Broker("localhost", 8883), key, key, key, public_jwk(SIGNING), b"\0" * 32, NOW)


async def find_online(book: OrderBook, hsa_id: str) -> Order | None:
    return next(iter(await book.offered_online(hsa_id)), None)


@pytest.fixture
def book(identity: Identity, store: StationStore, link: FakeLink, clock: Clock) -> OrderBook:
    return OrderBook(identity, store, link, clock)


async def held(book: OrderBook, link: FakeLink, *pages: SyncPage) -> None:
    link.answers = [signed(one) for one in pages]
    await book.refresh()


async def test_a_list_of_several_pages_is_held_and_survives_a_restart(
    book: OrderBook, link: FakeLink, store: StationStore, identity: Identity, clock: Clock
) -> None:
    await held(book, link, page(order("A1"), following="2"), page(order("B1", BO)))
    assert link.asked == [SyncAsk(None, leavers=True), SyncAsk("2", leavers=True)]
    again = OrderBook(identity, store, link, clock)
    assert again.dropped == ()
    for one in (book, again):
        assert one.find(ANNA, TODAY) == order("A1")
        assert one.administrators() == book.administrators()
        assert one.issued == NOW
    assert book.find(ANNA, TODAY) == order("A1")
    assert book.find(BO, TODAY) == order("B1", BO)
    assert book.find(CECILIA, TODAY) is None
    assert book.order("B1") == order("B1", BO)
    assert [one.hsa_id for one in book.administrators()] == ["TEST000000-9001"]
    assert book.issued == NOW


@pytest.mark.parametrize(("days", "way"), [(0.9, "post"), (1.1, None)], ids=["a fresh list", "a stale one"])
async def test_a_card_that_is_not_handed_over_is_known_by_a_list_that_is_valid(
    book: OrderBook, link: FakeLink, clock: Clock, days: float, way: str | None
) -> None:
    digests = (hand_over_digest("9752A1", "post"), hand_over_digest("9752A2", "station"))
    await held(book, link, msgspec.structs.replace(page(days=1), leavers=digests))
    clock.now = NOW + timedelta(days=days)
    assert book.pending_hand_over("9752A1") == way
    assert book.pending_hand_over("9752A2") == (way and "station")
    assert book.pending_hand_over("9752A3") is None, "no order is known of this card"


async def test_a_server_without_such_digests_refuses_no_card(book: OrderBook, link: FakeLink) -> None:
    await held(book, link, page(order("A1")))
    assert book.pending_hand_over("9752A1") is None


async def test_leavers_of_all_pages_are_held_and_outlive_the_list_s_time(
    book: OrderBook, link: FakeLink, store: StationStore, identity: Identity, clock: Clock
) -> None:
    first = msgspec.structs.replace(page(order("A1"), following="l:"), leavers=("digest-1",))
    await held(book, link, first, msgspec.structs.replace(page(), leavers=("digest-2",)))
    clock.now = NOW + timedelta(days=30)
    assert OrderBook(identity, store, link, clock).leavers == {"digest-1", "digest-2"}
    clock.now = NOW + timedelta(hours=1)
    await held(book, link, page(issued=clock.now))
    assert book.leavers == frozenset()


async def test_a_list_is_recent_by_a_clock_that_nobody_sets(
    link: FakeLink, store: StationStore, identity: Identity, clock: Clock
) -> None:
    hours, passed = timedelta(hours=4), [0.0]
    book = OrderBook(identity, store, link, clock, lambda: passed[0])
    assert not book.is_recent(hours)
    await held(book, link, page(days=1))
    for passed[0], recent in ((4 * 3600.0, True), (4 * 3600.0 + 1, False)):
        assert book.is_recent(hours) is recent, "the machine's clock was set back meanwhile"


@pytest.mark.parametrize(
    ("later", "recent"),
    [(timedelta(minutes=1), True), (timedelta(hours=4, seconds=1), False), (timedelta(), False)],
    ids=["soon", "too late", "by a clock that stands at its floor"],
)
async def test_a_list_is_recent_after_a_restart_only_by_a_clock_that_runs(
    book: OrderBook,
    link: FakeLink,
    store: StationStore,
    identity: Identity,
    clock: Clock,
    later: timedelta,
    recent: bool,
) -> None:
    await held(book, link, page(days=1))
    clock.now = NOW + later
    assert OrderBook(identity, store, link, clock).is_recent(timedelta(hours=4)) is recent


async def test_nothing_is_held_before_the_first_list(book: OrderBook) -> None:
    assert book.find(ANNA, TODAY) is None
    assert book.administrators() == ()
    assert book.issued is None
    assert not book.is_fresh(NOW)


async def test_a_new_list_takes_the_place_of_the_old_one_whole(book: OrderBook, link: FakeLink) -> None:
    await held(book, link, page(order("A1"), order("B1", BO)))
    await held(book, link, page(order("A2"), issued=NOW + timedelta(hours=1)))
    assert book.find(ANNA, TODAY) == order("A2")
    assert book.find(BO, TODAY) is None
    assert book.order("A1") is None


REFUSED: dict[str, tuple[str, list[Answer]]] = {
    "signed by a stranger": ("forged", [signed(page(), ec.generate_private_key(ec.SECP256R1()))]),
    "second page by a stranger": (
        "forged",
        [signed(page(following="2")), signed(page(), ec.generate_private_key(ec.SECP256R1()))],
    ),
    "not signed at all": ("forged", [Answer(ok=True, jws="eyJhbGciOiJub25lIn0.e30.")]),
    "a header of the wrong types": ("forged", [Answer(ok=True, jws="eyJhbGciOiJFUzI1NiIsImNyaXQiOjN9.e30.AAAA")]),
    "no token": ("forged", [Answer(ok=True, jws="x")]),
    "signed with the public key as a shared one": (
        "forged",
        [
            Answer(
                ok=True,
                jws=jws.serialize_compact(
                    {"alg": "HS256"},
                    msgspec.json.encode(page()),
                    OctKey.import_key(msgspec.json.encode(public_jwk(SIGNING))),
                ),
            )
        ],
    ),
    "the answer to another question": ("forged", [signed(page(), typ=ORDER_TYP)]),
    "one letter changed": ("forged", [Answer(ok=True, jws=(signed(page()).jws or "").replace(".ey", ".fy", 1))]),
    "another station's": ("other_station", [signed(page(station="entre-b"))]),
    "replayed": ("replayed", [signed(page(issued=NOW - timedelta(seconds=1)))]),
    "second page replayed": (
        "replayed",
        [signed(page(issued=NOW + timedelta(hours=1), following="2")), signed(page(issued=NOW))],
    ),
    "expired": ("expired", [signed(page(issued=NOW, days=-1))]),
    "no list": (
        "malformed",
        [
            Answer(
                ok=True, jws=jws.serialize_compact({"alg": "ES256", "typ": SYNC_TYP}, b"{}", ECKey.import_key(SIGNING))
            )
        ],
    ),
    "a time without a zone": (
        "malformed",
        [signed(SyncPage("entre-a", "2026-03-02T08:00:00", "2026-03-09T08:00:00"))],
    ),
    "the server says no": ("unknown_station", [Answer(ok=False, error="unknown_station", text="not known")]),
    "no end": ("too_long", [signed(page(following="again"))] * (sync.MAX_PAGES + 1)),
}


@pytest.mark.parametrize("story", REFUSED)
async def test_a_list_that_cannot_be_trusted_leaves_the_old_one_in_place(
    book: OrderBook, link: FakeLink, story: str
) -> None:
    await held(book, link, page(order("A1")))
    code, answers = REFUSED[story]
    link.answers = list(answers)
    with pytest.raises(SyncRefused) as refused:
        await book.refresh()
    assert refused.value.code == code
    assert book.find(ANNA, TODAY) == order("A1")
    assert book.issued == NOW


async def test_a_broken_connection_in_the_middle_leaves_the_old_list_in_place(book: OrderBook, link: FakeLink) -> None:
    await held(book, link, page(order("A1")))
    link.answers = [signed(page(order("A2"), issued=NOW + timedelta(hours=1), following="2")), LinkDown("gone")]
    with pytest.raises(LinkDown):
        await book.refresh()
    assert book.find(ANNA, TODAY) == order("A1")


async def test_an_old_list_is_not_offered_from_whatever_the_clock_says(
    book: OrderBook, link: FakeLink, clock: Clock
) -> None:
    await held(book, link, page(order("A1", last_day="2027-01-01"), days=2))
    assert book.is_fresh(NOW + timedelta(days=2))
    assert not book.is_fresh(NOW + timedelta(days=2, seconds=1))
    clock.now = NOW + timedelta(days=2)
    assert book.find(ANNA, date(2026, 3, 4)) == order("A1", last_day="2027-01-01")
    clock.now = NOW + timedelta(days=2, seconds=1)
    assert book.find(ANNA, date(2026, 3, 4)) is None, "to the second, not to the end of the day"
    assert book.is_fresh(NOW - timedelta(days=3650))  # a clock set back counts as the time of the list
    clock.now = NOW - timedelta(days=3650)
    link.answers = [signed(page(issued=NOW - timedelta(days=30)))]
    with pytest.raises(SyncRefused, match="older"):
        await book.refresh()


async def test_an_order_past_its_last_day_is_not_offered_and_the_most_urgent_comes_first(
    book: OrderBook, link: FakeLink
) -> None:
    await held(
        book,
        link,
        page(
            order("A1", last_day="2026-03-01"), order("A3", last_day="2026-03-05"), order("A2", last_day="2026-03-02")
        ),
    )
    assert book.find(ANNA, date(2026, 3, 2)) == order("A2", last_day="2026-03-02")
    assert book.find(ANNA, date(2026, 3, 3)) == order("A3", last_day="2026-03-05")
    assert book.find(ANNA, date(2026, 3, 6)) is None
    assert book.past(ANNA, date(2026, 3, 1)) is None
    assert book.past(ANNA, date(2026, 3, 6)) == order("A3", last_day="2026-03-05"), "the newest that is over"
    of_a2 = order("A2", last_day="2026-03-02")
    assert book.past(ANNA, date(2026, 3, 6), of_a2.card_number) == of_a2, "of that card, though another is newer"
    assert book.past(ANNA, date(2026, 3, 6), "9752000") is None
    assert book.past("TEST-NOBODY", date(2026, 3, 6)) is None


async def test_a_collected_order_is_never_offered_again_even_by_the_server(
    book: OrderBook, link: FakeLink, store: StationStore
) -> None:
    await held(book, link, page(order("A1")))
    await store.transact(lambda cx: book.mark_collected(cx, "A1"))
    assert book.find(ANNA, TODAY) is None
    await held(book, link, page(order("A1"), issued=NOW + timedelta(hours=1)))
    assert book.find(ANNA, TODAY) is None
    link.answers = [signed(page(order("A1"), issued=NOW + timedelta(hours=2)), typ=ORDER_TYP)]
    assert await find_online(book, ANNA) is None


async def test_a_hand_over_that_is_undone_leaves_the_order_on_offer(
    book: OrderBook, link: FakeLink, store: StationStore
) -> None:
    await held(book, link, page(order("A1")))

    def work(cx: sync.sqlite3.Connection) -> None:
        book.mark_collected(cx, "A1")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await store.transact(work)
    assert book.find(ANNA, TODAY) == order("A1")


async def test_an_order_found_online_is_held_from_then_on(book: OrderBook, link: FakeLink) -> None:
    await held(book, link, page())
    link.answers = [signed(page(order("A7"), order("B7", BO), issued=NOW + timedelta(minutes=1)), typ=ORDER_TYP)]
    assert await find_online(book, ANNA) == order("A7")
    assert link.asked[-1] == OrderAsk(ANNA)
    assert book.find(ANNA, TODAY) == order("A7")
    assert book.find(BO, TODAY) is None  # nobody asked for this person


async def test_an_order_withdrawn_since_is_forgotten_when_the_server_says_so(book: OrderBook, link: FakeLink) -> None:
    await held(book, link, page(order("A1")))
    link.answers = [signed(page(issued=NOW + timedelta(minutes=1)), typ=ORDER_TYP)]
    assert await find_online(book, ANNA) is None
    assert book.find(ANNA, TODAY) is None


@pytest.mark.parametrize(
    "answer",
    [
        signed(page(order("A9"), station="entre-b"), typ=ORDER_TYP),
        signed(page(order("A9"), issued=NOW - timedelta(hours=1)), typ=ORDER_TYP),
        signed(page(order("A9"))),
        signed(page(order("A9")), ec.generate_private_key(ec.SECP256R1()), ORDER_TYP),
        Answer(ok=False, error="no_list"),
    ],
)
async def test_an_online_answer_that_cannot_be_trusted_is_refused(
    book: OrderBook, link: FakeLink, answer: Answer
) -> None:
    await held(book, link, page(order("A1")))
    link.answers = [answer]
    with pytest.raises(SyncRefused):
        await find_online(book, ANNA)
    assert book.find(ANNA, TODAY) == order("A1")


async def test_the_book_refreshes_itself_on_each_connect_and_after_an_online_find(
    book: OrderBook, link: FakeLink
) -> None:
    link.online = False
    found = signed(page(order("A2")), typ=ORDER_TYP)
    link.answers = [AskTimeout("slow"), signed(page(order("A1"))), found, signed(page(order("A2")))]
    running = asyncio.create_task(book.run(every_s=3600))
    async with asyncio.timeout(LIMIT_S):
        await turn_until(lambda: bool(link.listeners))
        assert link.asked == []
        link.online = True
        for count in (1, 2):
            link.listeners[0](True)
            await turn_until(lambda count=count: len(link.asked) == count)
        await turn_until(lambda: book.find(ANNA, TODAY) == order("A1"))
        assert await find_online(book, ANNA) == order("A2")
        await turn_until(lambda: len(link.asked) == 4)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert link.listeners == []


async def test_an_answer_about_one_person_survives_a_restart_until_the_next_list(
    book: OrderBook, link: FakeLink, store: StationStore, identity: Identity, clock: Clock
) -> None:
    await held(book, link, page(order("A1"), order("B1", BO)))
    link.answers = [signed(page(issued=NOW + timedelta(minutes=1)), typ=ORDER_TYP)]
    assert await find_online(book, ANNA) is None, "withdrawn"
    link.answers = [signed(page(order("B2", BO), issued=NOW + timedelta(minutes=2)), typ=ORDER_TYP)]
    await find_online(book, BO)
    again = OrderBook(identity, store, link, clock)
    assert [one.order for one in again.waiting(TODAY)] == ["B2"]
    await held(again, link, page(order("A1"), issued=NOW + timedelta(hours=1)))
    assert [one.order for one in OrderBook(identity, store, link, clock).waiting(TODAY)] == ["A1"]


@pytest.mark.parametrize("kind", ["list", "found", "floor"])
@pytest.mark.parametrize("damage", [b"", b"short", b"\0" * 200, None])
async def test_what_is_damaged_is_dropped_said_and_fetched_again(
    book: OrderBook,
    link: FakeLink,
    store: StationStore,
    identity: Identity,
    clock: Clock,
    kind: str,
    damage: bytes | None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await held(book, link, page(order("A1")))
    link.answers = [signed(page(order("B1", BO)), typ=ORDER_TYP)]
    await find_online(book, BO)
    rewrite(store, kind, lambda content: content[:-1] + bytes([content[-1] ^ 1]) if damage is None else damage)
    again = OrderBook(identity, store, link, clock)
    assert again.dropped == (kind,)
    assert kind in caplog.text
    assert (again.find(ANNA, TODAY) is None) == (kind == "list")
    await held(again, link, page(order("A1"), issued=NOW + timedelta(hours=1)))
    assert again.find(ANNA, TODAY) == order("A1")
    assert OrderBook(identity, store, link, clock).dropped == ()


async def test_a_list_put_back_is_older_than_the_floor_and_dropped(
    book: OrderBook, link: FakeLink, store: StationStore, identity: Identity, clock: Clock
) -> None:
    await held(book, link, page(order("A1")))
    earlier = sealed(store, "list")
    await held(book, link, page(order("A2"), issued=NOW + timedelta(hours=1)))
    rewrite(store, "list", lambda _: earlier)
    again = OrderBook(identity, store, link, clock)
    assert again.dropped == ("list",)
    assert again.administrators() == ()
    assert again.issued == NOW + timedelta(hours=1), "the floor outlives the list"
    link.answers = [signed(page(order("A1"), issued=NOW + timedelta(minutes=59)))]
    with pytest.raises(SyncRefused, match="older"):
        await again.refresh()


async def test_an_answer_older_than_the_list_is_dropped(
    book: OrderBook, link: FakeLink, store: StationStore, identity: Identity, clock: Clock
) -> None:
    await held(book, link, page(order("A1")))
    link.answers = [signed(page(), typ=ORDER_TYP)]
    await find_online(book, ANNA)
    earlier = sealed(store, "found")
    await held(book, link, page(order("A1"), issued=NOW + timedelta(hours=1)))
    await store.transact(lambda cx: cx.execute("INSERT INTO sync_sealed VALUES ('found', ?)", (earlier,)))
    again = OrderBook(identity, store, link, clock)
    assert again.dropped == ("found",)
    assert again.find(ANNA, TODAY) == order("A1")


ENCRYPTED: dict[str, list[SyncPage]] = {
    "another station's": [page(station="entre-b")],
    "only the first page": [page(order("A1"), following="2")],
    "a page after the last": [page(order("A1")), page(order("B1", BO))],
    "no page": [],
}


@pytest.mark.parametrize("story", ENCRYPTED)
async def test_pages_are_judged_anew_even_under_the_stations_own_key(
    book: OrderBook, link: FakeLink, store: StationStore, identity: Identity, clock: Clock, story: str
) -> None:
    await held(book, link, page(order("A1")))
    pages = msgspec.json.encode([signed(one).jws for one in ENCRYPTED[story]])
    rewrite(store, "list", lambda _: AtRestCipher("entre-a", identity.store_secret()).encrypt("list", pages))
    assert OrderBook(identity, store, link, clock).dropped == ("list",)


async def test_another_stations_key_opens_nothing(
    book: OrderBook, link: FakeLink, store: StationStore, identity: Identity, clock: Clock, tmp_path: Path
) -> None:
    await held(book, link, page(order("A1")))
    (tmp_path / "store.key").unlink()
    kept_keys_file(tmp_path).unlink()
    again = OrderBook(identity, store, link, clock)
    assert again.dropped == ("floor", "list")
    assert again.waiting(TODAY) == ()


def test_lists_kept_in_clear_by_an_earlier_version_are_erased(tmp_path: Path) -> None:
    file = tmp_path / "old.sqlite"
    with sync.sqlite3.connect(file) as cx:
        cx.execute("CREATE TABLE sync_administrator (hsa_id TEXT PRIMARY KEY, content BLOB NOT NULL) STRICT")
        cx.execute("INSERT INTO sync_administrator VALUES ('TEST000000-9001', x'4d616465205570')")
    cx.close()
    StationStore.open(file, schemas=[sync.SCHEMA]).close()
    assert [one for one in tmp_path.glob("old.sqlite*") if b"Made Up" in one.read_bytes()] == []


def sealed(store: StationStore, kind: str) -> bytes:
    query = "SELECT content FROM sync_sealed WHERE kind = ?"
    return bytes(store.transact_now(lambda cx: cx.execute(query, (kind,)).fetchone()[0]))


def rewrite(store: StationStore, kind: str, changed: Callable[[bytes], bytes]) -> None:
    content = changed(sealed(store, kind))
    store.transact_now(lambda cx: cx.execute("UPDATE sync_sealed SET content = ? WHERE kind = ?", (content, kind)))


async def turn_until(reached: Callable[[], bool]) -> None:
    """Let the loop turn until it is so; the caller bounds the time."""
    while not reached():  # noqa: ASYNC110  # each turn is the loop's own
        await asyncio.sleep(0)
