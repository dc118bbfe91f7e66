"""What can go wrong with a request to a session."""


class RequestError(RuntimeError):
    """A request cannot be done; the message says what was found and what is allowed."""
