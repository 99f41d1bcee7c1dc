"""Ingest of station events: each once and in order, acknowledged after its commit.

The steps, each in its file; `service` drives them in a thread, batch by batch:
1. `parse`: the bytes of a message become an arrival, or an unreadable message.
2. `write`: a batch of arrivals in one transaction; every event once, chains checked.
3. `project`: what follows from the events (`projections`, pure) becomes rows, in the same transaction.
4. `acknowledge`: after the commit the broker, the stations and the pages are told.

While PostgreSQL works at one batch, the next is parsed: `fleet.server.database.overlap`. `rebuild` makes the projections
anew from the events.
"""
