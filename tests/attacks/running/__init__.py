"""Attacks on the running whole: `kortkiosk-fleet serve` with its mosquitto, the issuer simulator, and a client of our own.

Rules: nothing of the product is imported here (a test holds it): wire, mandates, certificates, EST and WebAuthn are written anew
from docs/messages.md and the RFCs, so that no fault of ours is on both sides. A test passes where *the effect did not happen*:
that is asked of the issuer's own register, or of the server's store or pages. Each attack has a station, people and cards of its
own. `KORTKIOSK_ATTACKED` is the folder whose programs are attacked (the repository's root without one).
"""
