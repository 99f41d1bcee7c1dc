"""Composition root of the fleet server: broker, verifier, store, ingest, answers and pages, in one asyncio process and two
children.

Rules: parts start in the order in which they need each other and end in the reverse order; one server for each data
directory; if a part fails for good, the server ends with that error and not half alive; no part holds the end up for long.

>>> from pathlib import Path
>>> deadlines_of(ServerConfig(Path("data"), Path("authority"))).act_of("not_collected")
'void'
"""

import asyncio
import contextlib
import fcntl
import logging
import socket
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Self

from starlette.types import ASGIApp

from fleet.server.accounts.secret_encryption import KEY_FILE as SECRETS
from fleet.server.accounts.secret_encryption import sealer_for
from fleet.server.alerts.holder_mail import HolderMail, certificate_notices, new_certificate_notices
from fleet.server.alerts.model import Alerts
from fleet.server.alerts.monitor import AlertMonitor
from fleet.server.alerts.service import AlertService
from fleet.server.alerts.settings import load as load_alerts
from fleet.server.app import create_app
from fleet.server.asks.answers import Answers
from fleet.server.asks.guard import ask_guard
from fleet.server.asks.service import AskHandling, AskService
from fleet.server.broker.inbox import Inbox, as_it_came
from fleet.server.broker.mosquitto import Broker, BrokerFiles
from fleet.server.broker.mqtt5_client import Mqtt5Transport
from fleet.server.broker.transport import Incoming, Transport
from fleet.server.cards.dependencies import CardServices
from fleet.server.checkpoints.countersigning import Countersigner
from fleet.server.checkpoints.service import CheckpointService
from fleet.server.checkpoints.timestamping import TimestampService
from fleet.server.clock.steady_clock import SteadyClock
from fleet.server.cluster.connections import Line, asks_line
from fleet.server.cluster.leader_election import lead
from fleet.server.commands.dispatcher import CommandDispatcher
from fleet.server.commands.service import CommandService
from fleet.server.database.database import Database, damaged_store
from fleet.server.database.generation import try_renew
from fleet.server.database.integrity import DatabaseCheck
from fleet.server.deadlines.job import DeadlineJob
from fleet.server.deadlines.settings import DeadlineSettings, load
from fleet.server.diagnosis.expiry_sources import certificates_of, sources_of
from fleet.server.diagnosis.health import Health, watch_store
from fleet.server.enrolment.revocation_files import issued_by_authority
from fleet.server.enrolment.service import ClaimTerms, EnrolmentService
from fleet.server.envelope_resets.service import EnvelopeResetSender
from fleet.server.evidence.service import EvidenceService
from fleet.server.evidence.settings import EvidenceSettings
from fleet.server.evidence.signature import Seal
from fleet.server.guards.watch import ClockWatch
from fleet.server.ingest.parse import parse_waiting
from fleet.server.ingest.service import Ingest
from fleet.server.ingest.write import Writer
from fleet.server.integrity.job import NightlyCheck
from fleet.server.integrity.queries import read_last_check
from fleet.server.issuer_wiring import connected
from fleet.server.issuers.certificates_by_hand import CertificatesByHand
from fleet.server.issuers.request_sender import RequestSender
from fleet.server.issuers.settings import IssuerSettings
from fleet.server.keys.expiry import ExpiryWatch, check_certificates
from fleet.server.keys.signing import Signer
from fleet.server.keys.webhook_signatures import load_secret
from fleet.server.live_feed.hub import Hub
from fleet.server.live_feed.notify_feed import Announcer
from fleet.server.live_feed.topics import Changes, Topic
from fleet.server.people.directory_settings import DirectorySettings
from fleet.server.people.directory_sync import DirectorySync, directory_trouble
from fleet.server.process.addresses import Address
from fleet.server.process.config import ServerConfig
from fleet.server.process.shutdown import Ending, cancelled
from fleet.server.proposals.mail import proposal_letters
from fleet.server.proposals.service import ProposalJob, ProposalService
from fleet.server.readings.orders_watch import watch_orders
from fleet.server.readings.queries import StoreReadings
from fleet.server.receipts.mail import ReceiptMail
from fleet.server.receipts.service import StationKeyService
from fleet.server.retention.job import RetentionService
from fleet.server.retention.ledger import LEDGER_FILE
from fleet.server.retention.pseudonyms import KEY_FILE, load_or_make
from fleet.server.retention.settings import load as load_periods
from fleet.server.sign_in.service import Access
from fleet.server.station_listener import IssuingParts, claim_terms
from fleet.server.stations.alarms import BROKER_MEMORY, Alarm, AlarmRecorder
from fleet.server.stations.duplicate_identity import DuplicateIdentity
from fleet.server.updates.service import FOLDER, BundleFolder
from fleet.server.updates.serving import BundleServer
from fleet.server.verifier.socket_client import verifier_of
from fleet.server.web.listener import Listener, Shield, bound_for_pages, web_server
from fleet.server.web_listener import Pages
from fleet.server.worklist.found_mail import found_card_notices
from fleet.server.worklist.labels import mail_words
from fleet.server.worklist.mail import WorklistMail, channels_of, post
from fleet.server.worklist.service import WorklistService
from fleet.server.worklist.settings import load as load_worklist

WEB_START_TIMEOUT_S = 30.0
CHECK_AT_START_S = 20.0

_log = logging.getLogger(__name__)

Clock = Callable[[], datetime]


def deadlines_of(config: ServerConfig) -> DeadlineSettings:
    """From its file; the last day of LoA2 also from the issuer's. Raises SettingsError, OSError."""
    last = None if config.issuer is None else IssuerSettings.load(config.issuer).rules.loa2_last_day
    return load(config.deadlines, loa2_last_day=last)


class ServerError(Exception):
    """The server cannot start with what it was given. The text says what and why."""


def utc_now() -> datetime:
    """The clock of real runs."""
    return datetime.now(UTC)


class FleetServer:
    """All parts, for as long as the context lasts. `mqtt` and `http` are the addresses in use."""

    def __init__(self, config: ServerConfig, clock: Clock = utc_now) -> None:
        if config.web is None and not config.http.is_loopback:
            raise ServerError(
                f"--http {config.http}: other machines reach it, so say with --web which certificate or proxy it has;"
                " without, use a loopback address such as 127.0.0.1:8080"
            )
        if (config.cluster or config.web_only) and config.postgres is None:
            raise ServerError("several processes need one store for all: name it with --database")
        if config.demo and config.web is not None:
            raise ServerError("--demo is for made-up data on this machine alone: leave --web out")
        self._config = replace(config, data=config.data.resolve(), authority=config.authority.resolve())
        self._clock = SteadyClock(clock)
        self._parts, self._ending = AsyncExitStack(), Ending()
        self._running: list[asyncio.Task[None]] = []
        self.mqtt = config.broker or config.mqtt
        self.http = config.http
        self.station_http: Address | None = None
        self.pages: Pages | None = None
        self._health = Health()
        self._asks: Counter[str] = Counter()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as parts:
            await self._start(parts)
            self._parts = parts.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._parts.aclose()

    @property
    def broker(self) -> dict[str, str]:
        """Address of the broker, for the `ready` line."""
        if self._config.web_only:
            return {}
        cluster = self._config.cluster
        return {"broker": str(cluster)} if cluster else {"mqtt": str(self.mqtt)}

    async def wait(self) -> None:
        done, _ = await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()

    async def _start(self, parts: AsyncExitStack) -> None:
        config = self._config
        config.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        parts.enter_context(_only_one(config))
        rules, deadlines = load_alerts(config.alerts), deadlines_of(config)
        mails = rules.holders_channel is not None
        worklist_settings = load_worklist(config.worklist)
        mailboxes = channels_of(worklist_settings, rules.email)
        check_certificates(config.authority, certificates_of(config), self._clock())
        stamping = EvidenceSettings.load(config.evidence) if config.evidence else None
        directory = DirectorySettings.load(config.directory) if config.directory else None
        database = Database.open(config.database)
        self._ending.later(parts, "database", asyncio.to_thread, database.close)
        hub = Hub()
        parts.callback(hub.close)
        watch_store(self._health, database)
        self._health.last_check = partial(read_last_check, database)
        check = DatabaseCheck(database, self._clock)
        if not config.web_only:
            await self._check_store(check)
        if directory is not None:
            self._health.probes["directory"] = partial(directory_trouble, database)
        watch = ClockWatch(database, self._clock)
        await asyncio.to_thread(watch.begin)
        self._health.probes["clock"] = watch.trouble
        self._run(parts, watch.run(), "clock")
        changes = self._changes(parts, database, hub)
        issuing = None if config.web_only else IssuingParts.of(config, database, changes, self._clock)
        if issuing is not None:
            self._run(parts, issuing.files.run(), "revocations")
        hook = load_secret(config.order_hook) if config.order_hook else None
        cards = CardServices.of(database, changes, self._clock, deadlines, hook)
        issuers = IssuerSettings.load(config.issuer).trusted_issuers() if config.issuer else None
        by_hand = CertificatesByHand(database, self._clock, issuers)
        worklist = WorklistService(
            database, cards.cards, changes, self._clock, worklist_settings, deadlines, certificates=by_hand
        )
        if not config.web_only:
            ends = self._health.ends = ExpiryWatch(sources_of(config), self._clock)
            signer = Signer.load(config.server_file("signing.key"))
            transport = await self._serve_stations(
                parts, database, changes, signer, check, worklist, issuing, mails=mails
            )
            once = [
                check.run,
                CommandDispatcher(database, transport, signer, changes, self._clock).run,
                AlertMonitor(
                    database,
                    rules,
                    changes,
                    self._clock,
                    url=self._url,
                    ends=ends,
                    parts=self._health.troubled,
                    worklist=worklist.rows,
                ).run,
                CheckpointService(database, Countersigner(Seal.load(config.authority)), changes, self._clock).run,
                self._retention(database).run,
                DeadlineJob(database, deadlines, changes, self._clock).run,
                NightlyCheck(database, self._clock).run,
                ProposalJob(ProposalService(database, changes, self._clock, mails=mails)).run,
                WorklistMail(
                    database, worklist, worklist_settings, mailboxes, self._clock, post, mail_words, self._url
                ).run,
            ]
            if (mailbox := rules.holders_channel) is not None:
                ending = (
                    [certificate_notices(deadlines.rule["certificate"])] if "certificate" in deadlines.codes else []
                )
                sources = [*ending, new_certificate_notices, found_card_notices, proposal_letters(self._url)]
                once.append(HolderMail(database, sources, mailbox, self._clock).run)
                once.append(ReceiptMail(database, mailbox, changes, self._clock, self._public).run)
            if directory is not None:
                once.append(_directory_sync(database, directory, changes, self._clock, self._kept_people()).run)
            if stamping is not None:
                once.append(TimestampService.of(database, stamping, self._clock).run)
            self._run(parts, lead(database, once), "done-once")
        readings = StoreReadings(database, self._clock)
        self._run(parts, watch_orders(readings, hub), "orders-watch")
        alerts = AlertService(database, changes, self._clock, settings=rules)
        commands = CommandService(database, changes, self._clock)
        sealer = sealer_for(database, config.server_file(SECRETS), makes=not config.web_only)
        terms = None
        if issuing is not None and config.station_http is not None:
            terms = await self._serve_enrolment(parts, issuing, database, hub, changes)
        at_authority = partial(issued_by_authority, config.authority)
        enrolments = EnrolmentService(database, changes, self._clock, terms, at_authority=at_authority)
        access = Access(database, self._clock, sealer)
        await self._serve_pages(
            parts, readings, hub, access, alerts, commands, cards, worklist, enrolments,
            self._bundles(parts, hub), mails=mails,
        )  # fmt: skip

    async def _serve_enrolment(
        self, parts: AsyncExitStack, issuing: IssuingParts, database: Database, hub: Hub, changes: Changes
    ) -> ClaimTerms:
        """The stations' listener."""
        assert self._config.station_http is not None
        bound = bound_for_pages(self._config.station_http)
        self.station_http = at = replace(self._config.station_http, port=bound.getsockname()[1])
        app = issuing.app(self._clock, self.mqtt)
        await self._listen(parts, app, hub, at, issuing.shield, bound, "enrolment")
        return claim_terms(self._config, at)

    async def _check_store(self, check: DatabaseCheck) -> None:
        """At the start, for as long as a store of usual size takes; of a bigger one the rest goes on beside the running server.
        Raises ServerError where a file is damaged: nothing may be written into it."""
        looking = asyncio.ensure_future(asyncio.to_thread(check.look))
        await asyncio.wait({looking}, timeout=CHECK_AT_START_S)
        if check.problems and self._config.postgres is None:
            raise ServerError(damaged_store(self._config.database, check.problems[0]))
        if isinstance(self._config.database, Path):
            await asyncio.to_thread(try_renew, self._config.database, checkpoint="TRUNCATE")
        self._health.probes["store"] = lambda: check.trouble

    def _url(self) -> str:
        return self.pages.url if self.pages is not None else ""

    def _public(self) -> str:
        """The address at which others than this machine reach the pages; empty where there is none."""
        return self.pages.site.public if self.pages is not None else ""

    def _kept_people(self) -> timedelta:
        return timedelta(days=load_periods(self._config.retention).days.people)

    def _retention(self, database: Database) -> RetentionService:
        config = self._config
        periods, pseudonyms = load_periods(config.retention), load_or_make(config.server_file(KEY_FILE))
        return RetentionService(database, periods, pseudonyms, config.data / LEDGER_FILE, self._clock)

    def _changes(self, parts: AsyncExitStack, database: Database, hub: Hub) -> Changes:
        """Return the receiver of changes: tells pages of this process, and on PostgreSQL those of others."""
        if self._config.postgres is None:
            return hub
        announcer = Announcer(database, hub)
        self._run(parts, announcer.run(), "changes-told")
        self._run(parts, announcer.hear(), "changes-heard")
        return announcer

    async def _serve_stations(
        self,
        parts: AsyncExitStack,
        database: Database,
        changes: Changes,
        signer: Signer,
        check: DatabaseCheck,
        worklist: WorklistService,
        issuing: IssuingParts | None,
        *,
        mails: bool,
    ) -> Transport:
        """Broker, verifier, issuer, and the link that joins them with the store."""
        config, alarms = self._config, AlarmRecorder(database)
        writer = Writer(database, config.set_aside_bytes)
        duplicates = DuplicateIdentity(alarms, changes, self._clock)
        self._run(parts, duplicates.run(), "duplicates")
        if config.broker is None and not config.cluster:
            files = _broker_files(config, issuing)

            def forgot(name: str) -> None:
                alarms.try_record(Alarm("", BROKER_MEMORY, name), self._clock())

            made = Broker(config.broker_directory, config.mqtt, files, duplicates.broker_says, forgot)
            broker = await self._ending.enter(parts, "broker", made)
            self.mqtt = broker.address
        verifier_part = verifier_of(config.verifier, config.verifier_keys, config.counters, config.postgres)
        verifier = await self._ending.enter(parts, "verifier", verifier_part)
        self._health.probes["verifier"] = lambda: None if verifier.runs else "away"
        issuer, region = None, None
        if config.issuer is not None:
            settings = IssuerSettings.load(config.issuer)
            link = connected(settings, database, signer, alarms, self._clock)
            issuer, region = await self._ending.enter(parts, "issuer", link)
            issuer.worklist = worklist.at_station
            issuer.ordered = partial(changes.publish, frozenset({Topic.ORDERS}))
            issuer.kept = partial(changes.publish, frozenset({Topic.REQUESTS}))
        answers = Answers(
            database, signer, verifier, alarms, self._clock, issuer, region, config.lists_valid,
            renewals=None if issuing is None else issuing.judge, mails=lambda: mails and bool(self._public()),
        )  # fmt: skip
        self._run(parts, EnvelopeResetSender(database, verifier, changes, self._clock).run(), "letter-tries")
        self._run(parts, RequestSender(database, issuer, changes, self._clock).run(), "requests")
        guard = ask_guard(config.ca, config.lists, database, self._clock, self._asks)
        return await self._link(parts, writer, AskHandling(answers, guard, signer), changes, duplicates, check)

    async def _link(
        self,
        parts: AsyncExitStack,
        writer: Writer,
        answering: AskHandling,
        changes: Changes,
        duplicates: DuplicateIdentity,
        check: DatabaseCheck,
    ) -> Transport:
        """Connect the broker with ingest and answers. In a cluster workers do the ingest."""
        loop = asyncio.get_running_loop()
        arriving, asking = Inbox(loop, parse_waiting), Inbox(loop, as_it_came)
        transport = self._transport()
        self._health.probes["broker"] = lambda: transport.trouble
        if self._config.broker is not None and isinstance(transport, Mqtt5Transport):
            transport.on_taken_over = duplicates.server_lost  # the log of our own broker tells it, with addresses
        if not self._config.cluster:
            sign = answering.signer.sign
            ingest = Ingest(transport, writer, changes, self._clock, arriving, sign, check)
            self._health.probes["ingest"] = lambda: ingest.trouble
            self._run(parts, ingest.run(), "ingest")
        self._run(parts, AskService(transport, answering, asking, self._clock).run(), "asks")

        def sort(message: Incoming) -> None:
            (asking if message.topic.endswith("/ask") else arriving).put(message)

        self._ending.later(parts, "transport", transport.stop)
        await transport.start(sort)
        return transport

    def _transport(self) -> Line:
        config = self._config
        try:
            if config.cluster:
                return asks_line(config.cluster, config.credentials)
            return Mqtt5Transport(self.mqtt.reachable, config.credentials)
        except (OSError, ValueError) as error:
            raise ServerError(f"the server's certificate {config.credentials.certificate}: {error}") from None

    async def _serve_pages(
        self,
        parts: AsyncExitStack,
        readings: StoreReadings,
        hub: Hub,
        access: Access,
        alerts: Alerts,
        commands: CommandService,
        cards: CardServices,
        worklist: WorklistService,
        enrolments: EnrolmentService,
        bundles: BundleFolder,
        *,
        mails: bool,
    ) -> None:
        bound = bound_for_pages(self._config.http)
        self.http = replace(self._config.http, port=bound.getsockname()[1])
        self.pages = pages = Pages.of(self._config, self.http, access)
        app = create_app(
            readings,
            hub,
            access,
            alerts,
            commands,
            clock=self._clock,
            site=pages.site,
            openid=pages.openid,
            health=self._health,
            evidence=EvidenceService(access.database, Seal.load(self._config.authority), self._clock),
            cards=cards,
            worklist=worklist,
            limits=pages.limits,
            asks=self._asks,
            enrolments=enrolments,
            bundles=bundles,
            station_keys=StationKeyService(access.database, self._clock, self._config.lists),
            mails=mails,
        )
        await self._listen(parts, app, hub, self.http, pages.shield, bound, "pages")

    async def _listen(
        self,
        parts: AsyncExitStack,
        app: ASGIApp,
        hub: Hub,
        at: Address,
        shield: Shield,
        bound: socket.socket,
        name: str,
    ) -> None:
        server = web_server(app, hub, host=_numeric(at), port=at.port, shield=shield)
        listener = Listener(server.config, hub)
        serving = asyncio.create_task(listener.serve(sockets=[bound]), name=name)
        self._running.append(serving)
        self._ending.later(parts, name, listener.leave, serving)
        await asyncio.wait_for(listener.listening.wait(), WEB_START_TIMEOUT_S)

    def _bundles(self, parts: AsyncExitStack, hub: Hub) -> BundleFolder:
        """The bundles, and where stations fetch them."""
        config = self._config
        folder = BundleFolder(config.data / FOLDER, config.updates.port if config.updates else None)
        if config.updates is not None:
            certificate, key = config.server_file("broker.pem"), config.server_file("broker.key")
            server = BundleServer(folder, hub, certificate, key, config.ca, config.lists)
            self._run(parts, server.run(config.updates), "updates")
        return folder

    def _run(self, parts: AsyncExitStack, work: Coroutine[None, None, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._running.append(task)
        self._ending.later(parts, name, cancelled, task)


def _directory_sync(
    database: Database, settings: DirectorySettings, changes: Changes, clock: Clock, kept: timedelta
) -> DirectorySync:
    """The one part that needs bonsai. Raises ServerError where it is not installed."""
    try:
        from fleet.server.people.ldap_directory import LdapDirectory  # a server without LDAP needs no libldap
    except ImportError as error:
        raise ServerError(f"--directory: {error}; install the program with its extra ldap") from None
    return DirectorySync(database, LdapDirectory(settings.ldap), settings.ldap, changes, clock, kept)


@contextlib.contextmanager
def _only_one(config: ServerConfig) -> Iterator[None]:
    """Hold the lock of the data directory. Raises ServerError where another server has it."""
    with config.lock.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ServerError(f"{config.data}: another server runs on this data") from None
        yield


def _broker_files(config: ServerConfig, issuing: IssuingParts | None) -> BrokerFiles:
    files = BrokerFiles(
        config.ca,
        config.server_file("broker.pem"),
        config.server_file("broker.key"),
        config.revoked if issuing is None else issuing.files.revoked,
        config.credentials,
        config.authority if issuing is None else config.revocations_directory,
    )
    for path in (files.ca, files.certificate, files.key):
        if not path.is_file():
            raise ServerError(
                f"{path} is missing: make it with `kortkiosk-provision authority init {config.authority}`"
            )
    return files


def _numeric(address: Address) -> str:
    return socket.gethostbyname(address.host) if address.host == "localhost" else address.host
