"""Verification: whether the engines compute a network as plain numpy does, item by item."""

from statestream.verification.deviation import TOLERANCE
from statestream.verification.errors import EngineMissing, VerificationError, WrongOption
from statestream.verification.report import BackendReport, Deviation, Report
from statestream.verification.verifier import verify

__all__ = [
    "TOLERANCE",
    "BackendReport",
    "Deviation",
    "EngineMissing",
    "Report",
    "VerificationError",
    "WrongOption",
    "verify",
]
