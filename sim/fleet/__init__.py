"""Many stations in one process, over real MQTT 5 with mutual TLS: for load, for faults, for a look at a full dashboard.

Each has its own identity, outbox, sequence, boot and hash chain, and forgets an event on the server's `acked` alone. It
imports the messages and the MQTT packets, and nothing else of the project.
"""
