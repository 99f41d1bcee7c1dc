"""The types of events and what their data holds. Never a code, never a personal identity number.

Data is flat JSON. `errand` is the id of one errand at one station (UUID); `subject` of the envelope is `order/ORDER` where
there is one, else `card/CARDNUMBER`. A name travels only in `RECEIPT_ISSUED`, since the receipt needs it.
"""

STATION_STARTED = "se.kortkiosk.station.started"
"""`version`, `epoch_reason`?, `found`: intents that were open when the station came up, see EFFECT_UNKNOWN."""

ERRAND_STARTED = "se.kortkiosk.errand.started"
"""`errand`, `kind` (`pickup`, ...)."""

EFFECT_DONE = "se.kortkiosk.effect.done"
"""`errand`, `effect` (a name from the journal, e.g. `slot.open`, `card.unblock`), `outcome`, further facts of the effect."""

EFFECT_UNKNOWN = "se.kortkiosk.effect.unknown"
"""`errand`, `effect`: neither a result nor an error could be believed, or the station stopped in the middle."""

CARD_ACTIVATED = "se.kortkiosk.card.activated"
"""`errand`, `order`, `card_number`: new code set, tested by a real signature."""

RECEIPT_ISSUED = "se.kortkiosk.receipt.issued"
"""`errand`, `order`, `card_number`, `number`, `receipt` (the whole signed receipt, a JWS JSON object), `signed` (`card`,
`attested`)."""

ERRAND_ENDED = "se.kortkiosk.errand.ended"
"""`errand`, `kind`, `outcome` (`done`, `refused`, `cancelled`, `timed_out`, `fault`, `unknown`, `interrupted`),
`reason`?, `order`?, `card_number`?, `hsa_id`?, `seconds`."""
