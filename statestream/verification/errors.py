"""What can keep a verification from being made."""

from __future__ import annotations


class VerificationError(RuntimeError):
    """The network cannot be computed: its mathematics, one of its interfaces or an engine refuses."""


class EngineMissing(VerificationError):
    """A backend was asked for that is unknown or not installed."""
