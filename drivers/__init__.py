"""Device drivers: card readers, printers, the cabinet. Each driver ships a virtual twin that keeps the real thing's rules.

Drivers never call upward: they import neither the station nor the fleet. What they need (time, a backend, a port
to write to) is passed in; what they know is returned as values; what broke is raised as one of a small family.
"""
