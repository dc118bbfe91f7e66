"""The whole program in a pseudo terminal, or with pipes."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from types import TracebackType

CORE = Path(__file__).resolve().parent.parent / "statestream" / "core.py"
GRAPH = """\
name: counter
agents: 2
backend: numpy
neuron_pools:
    count: {shape: [1, 1, 1], act: $ + 1, bias_shape: false}
    behind: {shape: [1, 1, 1]}
synapse_pools:
    again: {source: [[count]], target: count, rf: 1, init W_0_0: 1.0}
    follow: {source: [[count]], target: behind, rf: 1, init W_0_0: 1.0}
plasticities: {}
interfaces: {}
"""
"""count is n after n frames, behind is n - 1."""


def start(*arguments: str, **options: object) -> subprocess.Popen[str]:
    """The program with pipes."""
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    return subprocess.Popen([sys.executable, str(CORE), *arguments], text=True, **(pipes | options))  # type: ignore


def run(*arguments: str, script: str = "") -> subprocess.CompletedProcess[str]:
    """The program to its end, with a script as its standard input."""
    return subprocess.run(
        [sys.executable, str(CORE), *arguments], input=script, capture_output=True, text=True, timeout=60, check=False
    )


class Terminal:
    """The program in a pseudo terminal of its own."""

    def __init__(self, *arguments: str, term: str = "xterm-256color") -> None:
        self._master, slave = pty.openpty()
        self.resize(40, 110)
        self.process = subprocess.Popen(
            [sys.executable, "-c", _TAKE_TERMINAL, str(CORE), *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**os.environ, "TERM": term},
            start_new_session=True,
        )
        os.close(slave)
        os.set_blocking(self._master, False)
        self._read = ""
        self._seen = 0

    def resize(self, rows: int, columns: int) -> None:
        """Change the terminal's size."""
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def expect(self, pattern: str, seconds: float = 20.0) -> re.Match[str]:
        """Wait for a text (a regular expression) that comes after what was expected last."""
        deadline = time.monotonic() + seconds
        while not (match := re.compile(pattern).search(self.text, self._seen)):
            assert time.monotonic() < deadline, f"{pattern!r} did not come; there was:\n{self.text[self._seen :]}"
            if not self._pump():
                match = re.compile(pattern).search(self.text, self._seen)
                assert match, f"ended without {pattern!r}; there was:\n{self.text[self._seen :]}"
                break
        self._seen = match.end()
        return match

    @property
    def text(self) -> str:
        """What was shown so far, without colours and movements of the cursor."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self._read)

    def send(self, keys: str) -> None:
        """Type; what the program shows meanwhile is read, so that nobody waits for the other."""
        data = keys.encode()
        while data:
            if select.select([], [self._master], [], 0.05)[1]:
                data = data[os.write(self._master, data[:1024]) :]
            self._pump(0)

    def end(self, seconds: float = 20.0) -> int:
        """The exit status."""
        deadline = time.monotonic() + seconds
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"does not end; there was:\n{self.text}"
            self._pump()
        while self._pump(0):
            pass
        return int(self.process.returncode)

    def hang_up(self) -> None:
        """Close the terminal's window."""
        os.close(self._master)
        self._master = -1

    def _pump(self, seconds: float = 0.1) -> bool:
        if self._master < 0:
            select.select([], [], [], seconds)
            return False
        if not select.select([self._master], [], [], seconds)[0]:
            return seconds > 0
        try:
            data = os.read(self._master, 1 << 16)
        except OSError:
            return False
        self._read += data.decode(errors="replace")
        return bool(data)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        if self._master >= 0:
            os.close(self._master)


_TAKE_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""
"""The terminal becomes the controlling one of the program's own process group: Ctrl-C and hanging up reach it."""
