"""Shared subscription (MQTT 5, `$share`): what one process takes from a broker of all that stations send, and as whom.

>>> SharedSubscription.shared("fleet-1", "fleet", ASKED).subscriptions
('$share/fleet/kortkiosk/v1/+/ask',)
"""

from dataclasses import dataclass

from fleet.messages import topics

CLIENT_ID = "fleet-server"
"""CN of the server's certificate: brokers of ours give it this id whatever it says."""
STORED = (topics.EVENTS, topics.STATE, topics.PRESENCE, topics.RESULTS)
ASKED = (topics.ASK,)
SESSION_EXPIRY_S = 7 * 24 * 3600


@dataclass(frozen=True, slots=True)
class SharedSubscription:
    """`client_id` is no other process's; the broker keeps the session for so long after a connection."""

    client_id: str
    subscriptions: tuple[str, ...]
    session_expiry_s: int

    @classmethod
    def shared(cls, client_id: str, group: str, subscriptions: tuple[str, ...]) -> "SharedSubscription":
        """Return a subscription to what the broker gives this process of what it divides among the group (MQTT 5, 4.8.2). The
        session goes with it, so that what it had not acknowledged goes to the others."""
        return cls(client_id, tuple(f"$share/{group}/{subscription}" for subscription in subscriptions), 0)


ALL = SharedSubscription(CLIENT_ID, (*STORED, *ASKED), SESSION_EXPIRY_S)
