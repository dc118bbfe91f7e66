"""The prompt: commands are done in the background, news and results appear above the line that is being typed."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

from prompt_toolkit import PromptSession
from prompt_toolkit.application import create_app_session, in_terminal
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.input import Input
from prompt_toolkit.output import Output
from prompt_toolkit.output.plain_text import PlainTextOutput
from prompt_toolkit.styles import Style
from prompt_toolkit.utils import is_dumb_terminal

from statestream.runtime.client import CommandError, SessionError
from statestream.runtime.commands import named
from statestream.terminal.completion import CommandCompleter
from statestream.terminal.endings import SIGNALS, discard, end_by_signals
from statestream.terminal.history import open_history
from statestream.terminal.keyboard import Keyboard, bindings
from statestream.terminal.news import News
from statestream.terminal.reports import complain, summary
from statestream.terminal.screen import Screen
from statestream.terminal.status import Loss, status_line
from statestream.terminal.text import commands, failure, safe

if TYPE_CHECKING:
    from statestream.graph import Network
    from statestream.session import Handle, Session

HINT = "Starting it. Type 'stream' to let it run, '?' for all commands; the Tab key completes, 'exit' ends."
_REFRESH = 0.5
"""Seconds between two looks at the session for the status line."""
_GRACE = 0.3
"""Seconds that a command has to answer before the next prompt appears."""
_HELD_UP = 3.0
"""Seconds that `exit` waits for commands before it of which none gets done, as in a frame that does not end."""
_FRAMES = ("stream", "step")
"""Commands that compute frames."""
_LONG = ("stream", "loadgraph")
"""Commands that may take long; what they come to is told as news."""
_REDRAW = 0.05
"""Seconds between two redraws of the line, at least: a long paste arrives in many pieces."""
_STYLE = Style.from_dict(
    {
        "bottom-toolbar": "noreverse bg:#303030 #d0d0d0",
        "streaming": "#87d787",
        "broken": "bold #ff8787",
        "state": "#d7d787",
    }
)


class Mailbox:
    """Events of a session, which begin before the prompt's event loop does."""

    def __init__(self) -> None:
        self._waiting: deque[dict[str, Any]] = deque()
        self._lock = threading.Lock()
        self._take: Callable[[dict[str, Any]], None] | None = None

    def __call__(self, event: dict[str, Any]) -> None:
        """Put in an event; from any thread."""
        with self._lock:
            if self._take is None:
                self._waiting.append(event)
            else:
                self._take(event)

    def connect(self, take: Callable[[dict[str, Any]], None] | None) -> None:
        """Hand over what has come and comes; None: keep it."""
        with self._lock:
            self._take = take
            while take is not None and self._waiting:
                take(self._waiting.popleft())


class Interactive:
    """The prompt of one session. keyboard, output: of prompt_toolkit; no output means a terminal that knows nothing."""

    def __init__(self, handle: Handle, mailbox: Mailbox, keyboard: Input, output: Output | None, began: float) -> None:
        """began: time.monotonic() when the session was started."""
        self._handle, self._mailbox = handle, mailbox
        self._news = News(handle.network.name, began)
        self._loss, self._loss_text = Loss(handle), ""
        self._threads = ThreadPoolExecutor(2, "terminal")
        self._commands: asyncio.Queue[str] = asyncio.Queue()
        self._events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._plain, self._reading = output is None, False
        self._ended = asyncio.Event()
        self.status = 0
        """The program's exit status."""
        self._prompt: PromptSession[str] = PromptSession(
            self._message,
            input=keyboard,
            output=output,
            style=_STYLE,
            history=open_history(),
            completer=CommandCompleter(handle),
            complete_while_typing=False,
            key_bindings=bindings(),
            bottom_toolbar=self._toolbar,
            refresh_interval=_REFRESH,
        )
        self._prompt.app.min_redraw_interval = _REDRAW

    async def run(self) -> None:
        """Until the session ends. OSError (in a group) when the terminal is gone."""
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            if signal.getsignal(number) != signal.SIG_IGN:
                loop.add_signal_handler(number, self._signalled, number)
        self._mailbox.connect(lambda event: _post(loop, self._events, event))
        try:
            async with asyncio.TaskGroup() as group:
                helpers = [group.create_task(each()) for each in (self._work, self._listen, self._look)]
                await self._read()
                for helper in helpers:
                    helper.cancel()
        finally:
            self._mailbox.connect(None)
            self._threads.shutdown(wait=False, cancel_futures=True)
        if self._news.troubled:
            self.status = self.status or 1

    def _signalled(self, number: int) -> None:
        if number == signal.SIGINT and self._prompt.app.is_running:
            self._prompt.app.key_processor.send_sigint()
        else:
            self._end(128 + number)

    def _end(self, status: int = 0) -> None:
        """Leave the prompt."""
        self._ended.set()
        self.status = self.status or status
        app = self._prompt.app
        if app.is_running and not app.is_done:
            app.exit(exception=EOFError())

    async def _read(self) -> None:
        """Take lines from the prompt."""
        while not self._ended.is_set():
            self._reading = True
            try:
                text = await self._prompt.prompt_async(handle_sigint=False)
            except EOFError:
                return
            finally:
                self._reading = False
            typed = [command for line in text.split("\n") for command in commands(line)]
            for command in typed:
                self._commands.put_nowait(command)
            if "exit" in typed:
                return await self._exit()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._commands.join(), _GRACE)

    async def _exit(self) -> None:
        """Wait until an `exit` was reached; if nothing before it gets done, leave all the same."""
        left = -1
        while not self._ended.is_set() and left != (left := self._commands.qsize()):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), _HELD_UP)
        self._end()

    async def _work(self) -> None:
        """Do the commands, one after the other."""
        loop = asyncio.get_running_loop()
        while not self._ended.is_set():
            command = await self._commands.get()
            name = command.split()[0]
            starting = self._handle.status.state == "initializing"
            try:
                # What begins only when all is ready would hold up the commands after it; so would a long stream.
                wait = named(command) not in _LONG and not starting
                answer = await loop.run_in_executor(self._threads, self._handle.execute, command, wait)
                await self._say(f"{command}: as soon as all is ready" if starting and name in _FRAMES else answer.text)
                if name == "exit":
                    self._end()
            except CommandError as error:
                await self._say(failure(command, str(error)))
            except SessionError as error:
                await self._say(failure(command, str(error).split("\n")[0]))
                if not self._handle.alive:
                    self._end(1)
            except Exception as error:
                # A defect of ours in one command must not cost the user the session.
                await self._say(failure(command, f"internal error: {type(error).__name__}: {error}"))
            finally:
                self._commands.task_done()

    async def _listen(self) -> None:
        """Tell what the session says of its own accord."""
        while True:
            try:
                event = await asyncio.wait_for(self._events.get(), self._news.patience)
            except TimeoutError:
                await self._say(self._news.rest())
                continue
            await self._say(self._news.take(event, self._handle.status))
            if event["event"] == "closed":
                self._end()

    async def _look(self) -> None:
        """Keep the loss in the status line fresh."""
        loop = asyncio.get_running_loop()
        while True:
            self._loss_text = await loop.run_in_executor(self._threads, self._loss.read)
            await asyncio.sleep(_REFRESH)

    async def _say(self, text: str) -> None:
        if text:
            async with in_terminal():
                if self._plain and self._reading:
                    # Nothing can be drawn above the line that is being typed; it is begun again.
                    typed = f"{self._message()}{self._prompt.default_buffer.text}"
                    print(f"\n{safe(text)}\n{typed}", end="", flush=True)
                else:
                    print(safe(text), flush=True)

    def _message(self) -> str:
        return f"{self._handle.network.name}> "

    def _toolbar(self) -> FormattedText:
        columns = self._prompt.app.output.get_size().columns
        return FormattedText(status_line(self._handle.status, self._loss_text, datetime.now(), columns))


def run(network: Network, start: Callable[[Mailbox], Session]) -> int:
    """Start the session and prompt for commands until it ends; returns the exit status."""
    mailbox, began = Mailbox(), time.monotonic()
    with Keyboard(sys.stdin) as keyboard:
        print(f"{network.name}: {summary(network)}\n{HINT}", flush=True)
        with start(mailbox) as session:
            status = _prompt(session, mailbox, keyboard, began)
            complain(f"session {session.id} ends at frame {session.frame}")
    return status


def _prompt(session: Session, mailbox: Mailbox, keyboard: Keyboard, began: float) -> int:
    plain = is_dumb_terminal()
    status = 128 + signal.SIGHUP
    try:
        with keyboard.interrupt_as_key(), create_app_session(keyboard, PlainTextOutput(sys.stdout) if plain else None):
            terminal = Interactive(session, mailbox, keyboard, None if plain else Screen(sys.stdout), began)
            asyncio.run(terminal.run())
            status = terminal.status
    except* OSError:
        # The terminal is gone, and the session ends with it.
        for stream in (sys.stdout, sys.stderr):
            discard(stream)
    finally:
        end_by_signals()
    return status


def _post(loop: asyncio.AbstractEventLoop, queue: asyncio.Queue[Any], item: Any) -> None:
    with suppress(RuntimeError):  # the loop has ended
        loop.call_soon_threadsafe(queue.put_nowait, item)
