"""How long to spin at the frame barrier before blocking in the kernel."""

SPIN_NS = 60_000
"""Nanoseconds; about the time that a sleeper takes to wake. The spinner yields its core to whoever needs it."""
