"""What can keep a verification from being made."""

from __future__ import annotations


class VerificationError(RuntimeError):
    """The network cannot be computed: its mathematics, one of its interfaces or an engine refuses."""


class WrongOption(VerificationError):
    """Something was asked for that there is not."""


class EngineMissing(WrongOption):
    """A backend was asked for that is unknown or not installed."""
