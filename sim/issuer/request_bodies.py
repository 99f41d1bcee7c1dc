"""Request bodies of the issuer's REST interface: one model for each change. They are also its OpenAPI."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from fleet.messages.issuing import BlockReason, HoldReason

HsaId = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]{1,30}-[A-Z0-9]{1,30}$")]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Block(_Body):
    """Block for good. `wanted`: when the station was told."""

    reason: BlockReason
    by: HsaId
    wanted: str


class Hold(_Body):
    """`by` is empty where nobody has shown who they are."""

    reason: HoldReason
    by: HsaId | Annotated[str, Field(max_length=0)]
    wanted: str


class Lift(_Body):
    """End a hold."""

    by: HsaId


class Puk(_Body):
    """Release the PUK, sealed to `reply_key` (raw X25519, base64). `people`: two HSA-ids, attending and holding."""

    station: str
    people: Annotated[tuple[HsaId, ...], Field(min_length=2, max_length=3)]
    reply_key: str
    hsa_id: HsaId


class Letter(_Body):
    """A new code letter."""

    hsa_id: HsaId


class Received(_Body):
    """The holder has the card: handed over, tested and receipted. `by`: administrators who attested it, none where the
    holder's own card did; `handed_over`: when, RFC 3339; `receipt`: its number, empty where there is none yet."""

    hsa_id: HsaId
    by: Annotated[tuple[HsaId, ...], Field(max_length=2)]
    handed_over: str
    receipt: Annotated[str, Field(max_length=40)] = ""


class Challenge(_Body):
    """Encipher one block (hex) that the card gave, under the card's own key. `people`: two HSA-ids, holding and attending.
    `algorithm`: which the card expects; none where the issuer's own record of the card says it. `serial`: the serial number that
    the card tells, hex."""

    key: Literal["management", "unblock"]
    challenge: Annotated[str, Field(pattern=r"^([0-9a-f]{16}|[0-9a-f]{32})$")]
    algorithm: Literal["3DES", "AES-128", "AES-192", "AES-256"] | None = None
    serial: Annotated[str, Field(pattern=r"^[0-9a-f]{0,64}$")] = ""
    people: Annotated[tuple[HsaId, ...], Field(min_length=1, max_length=3)]
    hsa_id: HsaId


class Refusal(BaseModel):
    """HTTP 409: it will not be done. `reason` is a code of docs/messages.md."""

    reason: str
