"""The board's side of the line: sessions, signing, answers given once, events until they are taken. Pure.

Rules: only what is signed under the session's key and new reaches the commands. A HELLO alone changes nothing of the
session that runs. Board kinds that come back are dropped without a word, so that no echo is answered. What the host
does not read is not kept for ever: beyond OUT_LIMIT what can be asked again is left out.
"""

import hashlib

from drivers.cabinet import messages as m
from drivers.cabinet import protocol
from drivers.cabinet.firmware.commands import Commands, result
from drivers.cabinet.firmware.parts import Parts
from drivers.cabinet.firmware.ports import REST_SERVICE, Chip, Flash
from drivers.cabinet.framing import Deframer
from drivers.cabinet.protocol import NEW, OLD, Channel, Message, ProtocolError

KEY_FILE = "key"
OUT_LIMIT = 2048


class Link:
    """One line. Bytes go in by `feed` and come out by `take`."""

    def __init__(self, parts: Parts, flash: Flash, chip: Chip) -> None:
        self._parts = parts
        self._flash = flash
        self._chip = chip
        self.commands = Commands(parts)
        self._deframer = Deframer()
        self._out = b""
        self._hellos = 0
        key = flash.read(KEY_FILE)
        self._key = key if key is not None and len(key) == protocol.KEY_BYTES else None
        self._boot_id = self._fresh(b"boot")[:4]
        self._pending: Channel | None = None
        self._channel: Channel | None = None
        self._answer: tuple[int, int, dict[str, int | bytes | str]] | None = None
        self._heard = self._said = self._event_sent_at = 0
        self._newest_sent = 0
        """Number of the newest event that this session was told."""

    @property
    def in_session(self) -> bool:
        """True while a host has proved itself and is still heard."""
        return self._channel is not None

    def feed(self, data: bytes, now: int) -> None:
        """Bytes from the line; never raises for what they are."""
        packets = self._deframer.feed(data)
        self.commands.spoilt = self._deframer.spoilt
        for packet in packets:
            try:
                self._take(protocol.parse(packet), now)
            except ProtocolError as refused:
                self._refuse(refused)

    def take(self) -> bytes:
        """Bytes for the line, once."""
        out, self._out = self._out, b""
        return out

    def tick(self, now: int) -> None:
        """Once each turn of the loop: lock on a lost host, tell events, say that we live."""
        channel = self._channel
        if channel is None:
            return
        if not 0 <= now - self._heard <= m.HEARTBEAT_LIMIT_MS:
            self._end(now)
            return
        self._tell(channel, now)
        if now - self._said >= m.HEARTBEAT_EVERY_MS:
            self._said = now
            uptime, newest = now & 0xFFFFFFFF, self._parts.events.newest
            self._send(channel.frame(m.ALIVE, uptime_ms=uptime, flags=self.commands.flags(), newest_event=newest))

    def _take(self, message: Message, now: int) -> None:
        if message.kind >= m.WELCOME:
            return
        if message.kind == m.HELLO:
            self._hello(message)
        elif message.kind == m.PAIR and message.mac == protocol.NO_MAC:
            self._pair_unsigned(message, now)
        elif not self._begun(message, now):
            self._command(message, now)

    def _hello(self, message: Message) -> None:
        wiring, key = self._parts.wiring, self._key
        nonce = self._fresh(b"nonce")
        values: dict[str, int | bytes | str] = {
            "board_nonce": nonce,
            "board_id": self._chip.board_id,
            "boot_id": self._boot_id,
            "reset_cause": self._chip.reset_cause,
            "firmware": bytes(m.FIRMWARE),
            "paired": int(key is not None),
            "slots": wiring.slots,
            "lamps": len(wiring.lamps),
            "features": self._features(),
            "coil_limit_ms": self._parts.coil.limit_ms,
            "bin_holds": wiring.holds,
            "wiring": wiring.name,
        }
        if key is None:
            self._send(protocol.plain(m.WELCOME, message.sequence, **values))
            return
        session = protocol.session_key(key, message.octets("host_nonce"), nonce, self._chip.board_id)
        self._pending = Channel(session)
        self._send(protocol.sealed(session, m.WELCOME, 0, 0, values))

    def _begun(self, message: Message, now: int) -> bool:
        """Begin the session that a HELLO has prepared; return whether this is its BEGIN."""
        pending = self._pending
        if message.kind != m.BEGIN or pending is None:
            return False
        try:
            pending.accept(message)
        except ProtocolError:
            return False
        self._end(now)
        self._channel, self._pending = pending, None
        self._heard = self._said = self._event_sent_at = now
        self._newest_sent = min(message.about, self._parts.events.newest)
        self._reply(pending, message, now)
        return True

    def _command(self, message: Message, now: int) -> None:
        channel = self._channel
        if channel is None:
            raise ProtocolError(m.NOT_PAIRED if self._key is None else m.NOT_AUTHENTICATED, message.kind)
        channel.accept(message)
        if channel.last == NEW:
            self._heard = now
            self._reply(channel, message, now)
        elif channel.last != OLD and self._answer is not None:
            sequence, kind, values = self._answer
            self._send(channel.frame(kind, sequence, **values))

    def _reply(self, channel: Channel, message: Message, now: int) -> None:
        self._parts.events.taken(message.about)
        if message.kind == m.PAIR:
            kind, values = self._pair(message)
        else:
            kind, values = self.commands.run(message, now)
        self._answer = (message.sequence, kind, values)
        self._send(channel.frame(kind, message.sequence, **values))
        if message.kind == m.PAIR and values["code"] == m.OK:
            self._end(now)

    def _pair_unsigned(self, message: Message, now: int) -> None:
        if self._key is not None and not self._parts.rest.bits & REST_SERVICE:
            raise ProtocolError(m.PAIRING_CLOSED, message.kind)
        kind, values = self._pair(message)
        self._end(now)
        self._send(protocol.plain(kind, message.sequence, **values))

    def _pair(self, message: Message) -> "tuple[int, dict[str, int | bytes | str]]":
        key = message.octets("key")
        try:
            self._flash.write(KEY_FILE, key)
        except OSError:
            return result(message, m.FLASH_FAILED)
        self._key, self._pending = key, None
        return result(message, m.OK)

    def _tell(self, channel: Channel, now: int) -> None:
        waiting = self._parts.events.waiting
        again = bool(waiting) and now - self._event_sent_at >= m.RESEND_EVENT_MS
        for index, (number, event, slot, value, when) in enumerate(waiting):
            if number > self._newest_sent or (index == 0 and again):
                uptime = when & 0xFFFFFFFF
                self._send(channel.frame(m.EVENT, number, event=event, slot=slot, value=value, uptime_ms=uptime))
                self._newest_sent, self._event_sent_at = max(self._newest_sent, number), now

    def _end(self, now: int) -> None:
        """No session: coils off, flap locked, all dark."""
        self._channel, self._answer = None, None
        self._parts.lock(now)
        self._parts.signals.off()

    def _refuse(self, refused: ProtocolError) -> None:
        self._send(protocol.plain(m.REFUSED, command=refused.kind, code=refused.code, version=m.VERSION))

    def _send(self, frame: bytes) -> None:
        if len(self._out) + len(frame) <= OUT_LIMIT:
            self._out += frame

    def _fresh(self, purpose: bytes) -> bytes:
        """16 bytes that never come twice: each start has a number in flash, and each call one within it."""
        self._hellos += 1
        boots = self._parts.counters.boots
        secret = self._key or b""
        count = boots.to_bytes(4, "big") + self._hellos.to_bytes(4, "big")
        return hashlib.sha256(purpose + count + secret + self._chip.board_id + self._chip.random(16)).digest()[:16]

    def _features(self) -> int:
        wiring = self._parts.wiring
        return (
            m.HAS_DROP * wiring.has_drop
            | m.HAS_BUZZER * (wiring.buzzer is not None)
            | m.HAS_TAMPER * (wiring.tamper is not None)
            | m.HAS_SERVICE_BUTTON * (wiring.service is not None)
            | m.HAS_CARD_SENSORS * bool(wiring.cards)
            | m.HAS_FLAP_SERVO * (wiring.servo is not None)
        )
