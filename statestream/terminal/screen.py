"""Standard output as prompt_toolkit's screen."""

from __future__ import annotations

import os
from typing import TextIO

from prompt_toolkit.output.vt100 import Vt100_Output

_ROWS = 2
"""The line that is being typed, and the status line."""


class Screen(Vt100_Output):
    """A terminal that is never asked where its cursor stands.

    The answer would come among the user's keys, and late on a slow line. prompt_toolkit wants it only to put the status
    line at the bottom of the screen; it is told that the prompt is there already, and so draws one below the other.
    """

    def __init__(self, stdout: TextIO) -> None:
        known = Vt100_Output.from_pty(stdout)
        super().__init__(stdout, known.get_size, term=os.environ.get("TERM"), enable_cpr=False)

    def get_rows_below_cursor_position(self) -> int:
        """As many as the prompt needs."""
        return _ROWS
