"""Message broker: the transport interface, the embedded mosquitto, and an MQTT 5 client (OASIS MQTT 5.0).

Packets are those of `fleet.mqtt5`. `mqtt5_session` is the pure protocol state; `mqtt5_client` moves the bytes on an asyncio loop
and implements `fleet.server.broker.transport.Transport`.
"""
