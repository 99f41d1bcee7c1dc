"""README of an evidence file, in Swedish and English: what it is, how to check it, what it shows and what not.

>>> readme(EvidenceRequest("card", "9752269875"), "2026-03-02T08:00:00Z").startswith("BEVISFIL")
True
"""

from fleet.server.evidence.model import EvidenceRequest

_TEXT = """\
BEVISFIL FRÅN KORTKIOSK / EVIDENCE FILE OF KORTKIOSK
{asked}
{made}

SVENSKA

Filen visar vad en eller flera stationer har berättat om det som står ovan. Kontrollera den med
    kortkiosk-fleet verify-evidence FIL --ca ca.pem
där ca.pem är regionens eget certifikat, som du har fått på annan väg än i den här filen. Programmet behöver ingen server.

Så är den uppbyggd:
  chain/         stationens kedja av händelser: varje händelse innehåller kontrollsumman av händelsen före.
                 Innehåll (data) finns bara för de händelser som filen gäller; övriga behövs för kedjan.
  certificates/  stationernas certifikat. Med nyckeln till sitt certifikat signerar stationen hur långt kedjan har kommit.
  receipts/      hela kvittenser. De har egna signaturer: kortkiosk verify-receipt FIL --ca ca.pem
  crl.pem        utfärdarens lista över spärrade certifikat när filen skrevs
  countersignatures.jsonl  serverns ord om när den hade det stationen signerade; i vissa regioner med tidsstämpel
  differences.jsonl  var serverns egna tabeller inte stämde med händelserna när filen skrevs; ska vara tom
  audit.jsonl    serverns egna anteckningar om vem som har sett uppgifterna
  ca.pem         utfärdaren av certifikaten, manifest.json listan över filerna, manifest.jws serverns signatur över den

Det här visas: händelserna är de som stationen med den nyckeln berättade, i den ordningen, utan att något har lagts till, ändrats
eller tagits bort före den senaste signerade punkten; och filen är som servern skrev den.
Det här visas inte: att stationen talade sanning, att dess klocka gick rätt, att allt som hände är med efter den sista signerade
punkten, eller något om händelser vars innehåll har gallrats.

ENGLISH

The file shows what one or more stations have told of what is named above. Check it with
    kortkiosk-fleet verify-evidence FILE --ca ca.pem
where ca.pem is the region's own certificate, had by another way than from this file. The program needs no server.

What is in it:
  chain/         the station's chain of events: each event holds the checksum of the event before.
                 Content (data) is there for the events that the file is about alone; the others are needed for the chain.
  certificates/  the stations' certificates. With the key of its certificate a station signs how far its chain has come.
  receipts/      whole receipts. They have signatures of their own: kortkiosk verify-receipt FILE --ca ca.pem
  crl.pem        the issuer's list of revoked certificates when the file was written
  countersignatures.jsonl  the server's word of when it had what the station signed; in some regions with a time stamp
  differences.jsonl  where the server's own tables did not agree with the events when the file was written; must be empty
  audit.jsonl    the server's own record of who has looked at this
  ca.pem         the issuer of the certificates; manifest.json, the list of files; manifest.jws, the server's signature over it

This is shown: the events are those that the station with that key told, in that order, and nothing was added, changed or taken
out before the last signed point; and the file is as the server wrote it.
This is not shown: that the station told the truth, that its clock was right, that all that happened is there after the last
signed point, or anything of events whose content has been erased.
"""

_KINDS = {
    "errand": ("Ärende", "Errand"),
    "card": ("Kort", "Card"),
    "order": ("Beställning", "Order"),
    "station": ("Station", "Station"),
}


def readme(asked: EvidenceRequest, made: str) -> str:
    """The text for this file."""
    swedish, english = _KINDS[asked.kind]
    days = f" ({asked.first or ''} - {asked.last or ''})" if asked.first or asked.last else ""
    return _TEXT.format(asked=f"{swedish} / {english}: {asked.value}{days}", made=f"Skriven / Written: {made}")
