"""An MQTT 5 client for taking in: what the server needs of the protocol, and no more (OASIS MQTT 5.0).

Packets are those of `fleet.mqtt5`. `session` is what is owed to the broker, pure. `client` moves the bytes on an asyncio loop
and implements `fleet.server.transport.Transport`.
"""
