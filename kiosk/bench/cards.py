"""Names of cards on the bench, and what is printed on their plastic: `1:old` is the first person's old card.

>>> printed("1:new")
{'name': 'Alva Provström', 'hsa_id': 'SE2321000999-1A01', 'number': '9999000020260001'}
"""

from drivers.reader.virtual.persona import Persona
from drivers.reader.virtual.personas import person


def persona(name: str) -> Persona:
    """Who the card of that name belongs to. Raises LookupError where there is no such card."""
    number, _, which = name.partition(":")
    if not number.isdecimal() or which not in ("old", "new"):
        raise LookupError(f"there is no card {name!r}: say PERSON:old or PERSON:new")
    someone = person(int(number))
    return someone.old if which == "old" else someone.new


def printed(name: str) -> dict[str, str]:
    """What a person reads on the card; a protected identity has no name there. Raises LookupError."""
    who = persona(name)
    return {
        "name": "" if who.protected_identity else who.name,
        "hsa_id": who.hsa_id,
        "number": who.number_on_card,
    }


def order(name: str) -> tuple[int, str]:
    """Sorts names by person, and then by card."""
    number, _, which = name.partition(":")
    return int(number), which
