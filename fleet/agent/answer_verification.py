"""Verification of signed answers: under the server's key (`ServerKeys`), ES256 and nothing else, of the right `typ`."""

from typing import TypeVar

import msgspec
from joserfc import jws
from joserfc.errors import JoseError

from fleet.agent.identity import Identity
from fleet.messages.asking import IssuerAsk, Result, Word, typ_of
from fleet.messages.link import Answer, MessageError, decode

ALGORITHMS = ["ES256"]
T = TypeVar("T", bound=msgspec.Struct)


class SyncRefused(Exception):
    """Refusal of an answer that cannot be trusted or used; what was held stays. `code` is stable, the text is for people."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class AnswerVerifier:
    """Opens what the server has signed for this station."""

    def __init__(self, identity: Identity) -> None:
        self._station = identity.station
        self._keys = identity.server_keys

    def opened(self, answer: Answer, typ: str, kind: type[T]) -> T:
        """The content, made for this station (`station` of `kind`). Raises SyncRefused; an error's own code passes through."""
        if not answer.ok or answer.jws is None:
            raise SyncRefused(answer.error or "no_list", answer.text or "the server gave no list")
        try:
            signed = jws.deserialize_compact(answer.jws, self._keys.find, algorithms=ALGORITHMS)
            if signed.protected.get("typ") != typ:
                raise SyncRefused("forged", "the answer is to another question")
            content: T = decode(kind, signed.payload or b"")
        except (JoseError, ValueError, TypeError, RecursionError) as error:  # a header's `crit` may be anything
            fault = "malformed" if isinstance(error, MessageError) else "forged"
            raise SyncRefused(fault, "the list is not signed by the server, or is no list") from None
        if getattr(content, "station", None) != self._station:
            raise SyncRefused("other_station", "the list was made for another station")
        return content

    def result(self, answer: Answer, ask: IssuerAsk) -> Result:
        """Return the result that the answer gives to this very question. Raises SyncRefused."""
        word = self.opened(answer, typ_of(ask), Word)
        if word.id != ask.id:
            raise SyncRefused("forged", "the answer is to another question")
        return word.result
