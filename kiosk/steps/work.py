"""What an administrator has done at the machine, as a receipt says it: no card and no holder, but who, and what in figures."""

from kiosk.issuer.ports import LoggedIn
from kiosk.receipts import Detail, Person, ReceiptFacts
from kiosk.steps.capabilities import Desk
from kiosk.steps.context import Scene


def work_facts(
    desk: Desk,
    scene: Scene,
    by: LoggedIn,
    second: LoggedIn | None = None,
    *,
    details: tuple[Detail, ...],
    remarks: tuple[str, ...] = (),
) -> ReceiptFacts:
    """The facts of a receipt that is about no single card."""
    assert desk.seal is not None, "a station without identity attests nothing"
    return ReceiptFacts(
        kind=scene.errand,
        time=desk.clock.now(),
        station=desk.seal.station,
        place=desk.seal.title,
        order=None,
        card_number="",
        holder=Person(by.hsa_id, by.name),
        identified_by="administrator",
        administrator=Person(second.hsa_id, second.name) if second is not None else None,
        document_kind=None,
        terms="",
        remarks=remarks,
        details=details,
    )
