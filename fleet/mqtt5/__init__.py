"""MQTT 5 codec: packets as values, read and written. Shared by the server and simulated stations. It imports nothing of the
project.

`packets` reads, `writing` writes; both are pure, and bounded.
"""
