"""Keys from the terminal: always in raw mode, so that nothing typed between two prompts is lost or echoed twice."""

from __future__ import annotations

import os
import select
import termios
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import Any, TextIO

from prompt_toolkit.application import get_app
from prompt_toolkit.enums import DEFAULT_BUFFER
from prompt_toolkit.filters import Condition, completion_is_selected, has_completions, has_focus
from prompt_toolkit.input.vt100 import Vt100Input, raw_mode
from prompt_toolkit.key_binding import KeyBindings, KeyPress, KeyPressEvent
from prompt_toolkit.keys import Keys

from statestream.terminal.completion import incomplete

_CHUNK = 1 << 16
_TYPED = 32
"""More characters than this at once were pasted."""
_LONGEST_SEQUENCE = 16
"""Characters of the longest escape sequence of a key."""


class Keyboard(Vt100Input):
    """Standard input of a terminal. It stays raw for as long as this is entered as a context.

    prompt_toolkit would leave raw mode for every text printed above the prompt; what arrives in that moment is then cut
    by the terminal driver after 4095 characters. Also, it takes a text that is pasted without the terminal marking it
    as a paste as so many single keys, which for a long one takes minutes; here it is taken as a paste.
    Ctrl-C is a signal except within `interrupt_as_key`: a key comes in its turn, but only when keys are read.
    """

    def __init__(self, stdin: TextIO) -> None:
        super().__init__(stdin)
        self._raw = raw_mode(stdin.fileno())
        self._tail = ""

    def __enter__(self) -> Keyboard:
        self._raw.__enter__()
        self._interrupt_as_signal(True)
        return self

    def __exit__(self, *details: object) -> None:
        self._raw.__exit__(*details)

    @contextmanager
    def interrupt_as_key(self) -> Iterator[None]:
        """Ctrl-C is a key in this context."""
        self._interrupt_as_signal(False)
        try:
            yield
        finally:
            self._interrupt_as_signal(True)

    def _interrupt_as_signal(self, signal: bool) -> None:
        # What is no terminal any more needs no settings.
        with suppress(termios.error):
            attributes: list[Any] = termios.tcgetattr(self.fileno())
            local, keys = 3, 6
            attributes[local] = attributes[local] & ~termios.ISIG | (termios.ISIG if signal else 0)
            for key in (termios.VSUSP, termios.VQUIT):
                attributes[keys][key] = os.fpathconf(self.fileno(), "PC_VDISABLE").to_bytes()
            termios.tcsetattr(self.fileno(), termios.TCSANOW, attributes)

    def raw_mode(self) -> AbstractContextManager[None]:
        """Nothing to do."""
        return nullcontext()

    def cooked_mode(self) -> AbstractContextManager[None]:
        """Not wanted."""
        return nullcontext()

    def read_keys(self) -> list[KeyPress]:
        """What was typed or pasted since the last call."""
        data = self.stdin_reader.read(_CHUNK)
        if not data and _hung_up(self.fileno()):
            self.stdin_reader.closed = True
        recent, self._tail = self._tail, (self._tail + data)[-_LONGEST_SEQUENCE:]
        if len(data) <= _TYPED or "\x1b" in recent + data or self.vt100_parser._in_bracketed_paste:
            self.vt100_parser.feed(data)
        else:
            self._take_paste(data)
        keys, self._buffer = self._buffer, []
        return keys

    def _take_paste(self, data: str) -> None:
        for line in data.replace("\n", "\r").splitlines(keepends=True):
            text = line.rstrip("\r")
            if text and text.isprintable():
                self._buffer.append(KeyPress(Keys.BracketedPaste, text))
                self.vt100_parser.feed(line[len(text) :])
            else:
                self.vt100_parser.feed(line)


def bindings() -> KeyBindings:
    """Ctrl-C clears the line and the completions; on an empty one it ends the session, as Ctrl-D does.

    In a search of the history it ends the search: prompt_toolkit's own binding, so ours are for the line only.
    Enter on a chosen completion goes on to the next argument if the command needs one.
    """
    keys = KeyBindings()
    line = has_focus(DEFAULT_BUFFER)
    empty = Condition(lambda: not get_app().current_buffer.text) & ~has_completions

    @keys.add("c-c", filter=line & ~empty)
    @keys.add("<sigint>", filter=line & ~empty)
    def _clear(event: KeyPressEvent) -> None:
        event.current_buffer.reset()

    @keys.add("c-c", filter=line & empty)
    @keys.add("<sigint>", filter=line & empty)
    def _leave(event: KeyPressEvent) -> None:
        event.app.exit(exception=EOFError())

    unfinished = Condition(lambda: incomplete(get_app().current_buffer.text))

    @keys.add("enter", filter=completion_is_selected & unfinished)
    def _take(event: KeyPressEvent) -> None:
        event.current_buffer.complete_state = None

    return keys


def _hung_up(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return any(events & (select.POLLHUP | select.POLLERR | select.POLLNVAL) for _, events in poll.poll(0))
