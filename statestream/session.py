"""The Python client: run a network, read and write its arrays by name, from any thread, script or notebook."""

from __future__ import annotations

import atexit
import operator
import os
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from statestream import graph, settings
from statestream.arrays import ArrayKey
from statestream.catalogue import default_catalogue
from statestream.graph import Network
from statestream.memory import RunState, Word
from statestream.runtime import commands
from statestream.runtime.attached import Attached
from statestream.runtime.client import Client, CommandError, Listener, SessionError
from statestream.runtime.requests import RequestError
from statestream.views import Arrays, FrameView, ItemView, Reader, plain

Source = str | Path | Mapping[str, Any] | Network
_SPLIT: ArrayKey = ("", "session", "split")


def load_graph(
    source: str | Path | Mapping[str, Any],
    *,
    agents: int | None = None,
    backend: str | None = None,
    overrides: Mapping[str, Any] | None = None,
    strict: bool = False,
) -> Network:
    """Read, expand and check a graph (a file, or a dict as YAML would give it); GraphError lists all findings.

    overrides: values of item keys by "item.parameter", which replace the graph's own.
    """
    return graph.load_graph(
        source,
        catalogue=default_catalogue(),
        agents=agents,
        backend=backend,
        settings=overrides,
        strict=strict,
        default_backend=settings.load().default_backend,
    )


@dataclass(frozen=True)
class Answer:
    """What a command answers: for people, and the same as plain data."""

    text: str
    data: Any = None


@dataclass(frozen=True)
class Status:
    """A session at a glance, read from shared memory: it asks nobody and waits for nothing."""

    state: str
    """initializing, paused, streaming, broken or ended."""
    frame: int
    rate: float
    """Frames per second over the last second of streaming."""
    remaining: int
    """Items that are not ready yet."""


class Handle(Reader):
    """A running session, owned by this process or by another."""

    def __init__(self, client: Client, network: Network | None = None) -> None:
        self._client = client
        # A handle that nobody holds any more lets go, and by that a session of its own ends. No finalizer may wait.
        weakref.finalize(self, client.let_go).atexit = False
        self._attached = Attached(client.arena, network)

    @property
    def _now(self) -> Attached:
        """The network that runs now. Whoever needs two things of one network asks once."""
        arena, attached = self._client.arena, self._attached
        if attached.arena is not arena:
            attached = self._attached = Attached(arena)
        return attached

    @property
    def network(self) -> Network:
        """The network that runs."""
        return self._now.network

    @property
    def seed(self) -> int:
        """The seed of all random numbers."""
        return int(self._now.arena.description["seed"])

    @property
    def threads(self) -> int:
        """Threads of each worker's engine; 0: the machine's cores, shared among the workers."""
        return int(self._now.arena.description["threads"])

    @property
    def id(self) -> int:
        """The session's id, for `attach`."""
        return self._client.session

    @property
    def frame(self) -> int:
        """Completed frames."""
        return self._client.arena.control.frame

    @property
    def split(self) -> int:
        """Agents with an index below are kept out of learning."""
        return int(self.get(_SPLIT))

    @split.setter
    def split(self, agents: int) -> None:
        self.command(f"split {agents}")

    @property
    def status(self) -> Status:
        """What the session is doing, now."""
        control = self._client.arena.control
        state = RunState(control.get(Word.RUN_STATE))
        if state == RunState.REPLACED:  # by a network that is gone, too
            state = RunState.ENDED
        return Status(state.name.lower(), control.frame, control.get(Word.RATE) / 1000, control.get(Word.REMAINING))

    @property
    def alive(self) -> bool:
        """Whether the session still answers; a broken one does, an ended one does not."""
        return self._client.alive

    def step(self, frames: int = 1) -> None:
        """Compute that many more frames, and return when they are complete."""
        self._client.request("advance", frames=operator.index(frames))

    def stream(self, frames: int | None = None) -> None:
        """Let the network run: that many frames, or until `pause`. Returns at once."""
        self._client.request("command", text="stream" if frames is None else f"stream {frames}")

    def pause(self) -> None:
        """Stop after the frame in work; returns when it is complete."""
        self._client.request("command", text="pause")

    def command(self, text: str) -> str:
        """Do what a terminal command says and return its text; `stream N` returns when the N frames are done."""
        return self.execute(text).text

    def command_data(self, text: str) -> Any:
        """As `command`, the answer as data."""
        return self.execute(text).data

    def execute(self, text: str, wait: bool = True) -> Answer:
        """As `command`, the text and the data; without `wait`, `stream N` returns as soon as it has begun."""
        if commands.named(text) == "loadgraph":
            return self._loadgraph(text, wait)
        try:
            text = commands.located(text)
        except RequestError as error:
            raise CommandError(str(error)) from error
        answer = self._client.request("command", text=text, wait=wait)
        return Answer(str(answer["text"]), answer["data"])

    def replace(
        self,
        source: Source,
        seed: int | None = None,
        *,
        agents: int | None = None,
        backend: str | None = None,
        overrides: Mapping[str, Any] | None = None,
        strict: bool = False,
        threads: int | None = None,
        wait: bool = True,
    ) -> str:
        """Run another network in place of the session's, from frame 0 and paused; returns what has become of it.

        As for Session, except threads: None for those that the session has. Workers whose backend, device and threads
        are wanted again stay, with their engines; all else ends or starts anew. Returns when all items are ready.

        GraphError, SessionError or CommandError if the network is wrong or cannot run here: the old one goes on,
        untouched. SessionError if it breaks down while it starts; another may take its place then.
        """
        network = as_network(source, backend, agents, overrides, strict)
        fields: dict[str, Any] = {"network": network.to_json(), "seed": as_run(network, seed, None)[0]}
        if threads is not None:
            fields["threads"] = operator.index(threads)
        answer = self._client.request("replace", wait=wait, **fields)
        arena = self._client.arena
        if arena.description["run"] == answer["data"]["run"]:
            self._attached = Attached(arena, network)
        return str(answer["text"])

    def _loadgraph(self, text: str, wait: bool) -> Answer:
        """The command of that name: this process reads the file, so that its path means what the user means."""
        try:
            _, *files = commands.words(text)
            if len(files) != 1:
                raise CommandError(f"loadgraph was given {len(files)} arguments; usage: loadgraph FILE")
            network = as_network(os.path.expanduser(files[0]), None, None, None, False)
        except (graph.GraphError, settings.SettingsError, SessionError, RequestError) as error:
            raise CommandError(str(error)) from error
        said = self.replace(network, wait=wait)
        warnings = [f"warning: {finding}" for finding in network.warnings]
        return Answer("\n".join([*warnings, said]), {"network": network.name, "frame": 0})

    def save(self, path: str | Path) -> None:
        """Saving is not built yet."""
        raise CommandError(f"{path}: saving networks is not built yet")

    @contextmanager
    def frame_view(self, *items: str) -> Iterator[FrameView]:
        """Several arrays of one and the same frame; of some items only, if named."""
        now = self._now
        keys = now.keys(set(items or now.network.items))
        frame, values = self._client.read(keys, now.arena)
        yield FrameView(now, frame, dict(zip(keys, values, strict=True)))

    def names(self, item: str, kind: str) -> list[str]:
        """Names of an item's arrays of one kind."""
        return self._now.names(item, kind)

    def get(self, key: ArrayKey) -> Any:
        """Copy of an array, of one whole frame; a number if it is a scalar."""
        now = self._now
        return plain(self._client.read([now.resolve(key)], now.arena)[1][0])

    def put(self, key: ArrayKey, value: Any) -> None:
        """Overwrite an array between two frames; returns when it is in place."""
        self._client.write(self._now.resolve(key), np.asarray(value, np.float32))

    def close(self) -> None:
        """Let go of the session; the process that started it ends it."""
        self._client.close()

    def __enter__(self) -> Handle:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Session(Handle):
    """A network that runs in processes of its own, which end with this object or with this process.

    source: a `.st_graph`, a dict, or a Network. backend, agents: replace the network's own. seed: of all random
    numbers; None for the graph's own, else `random_seed` of the settings. threads: of each worker's engine, 0 to share
    the cores.
    Raises GraphError for a wrong graph, SessionError if the session cannot start. Returns when all items are ready.
    """

    def __init__(
        self,
        source: Source,
        backend: str | None = None,
        agents: int | None = None,
        seed: int | None = None,
        *,
        overrides: Mapping[str, Any] | None = None,
        strict: bool = False,
        threads: int | None = None,
        listener: Listener | None = None,
        wait: bool = True,
    ) -> None:
        network = as_network(source, backend, agents, overrides, strict)
        seed, threads = as_run(network, seed, threads)
        client = Client.start(network, seed, threads, listener)
        super().__init__(client, network)
        _open_sessions.add(self)
        if wait:
            self.wait_ready()

    def wait_ready(self) -> None:
        """Return when all items are ready; SessionError, and everything cleaned up, if one fails."""
        try:
            self._client.request("ready")
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Session:
        return self


def attach(session: int) -> Handle:
    """The same handle on a session that another process owns; closing it leaves the session alone."""
    return Handle(Client.connect(session))


def as_run(network: Network, seed: int | None, threads: int | None) -> tuple[int, int]:
    """The seed and the threads of a run: those given, else the graph's own, else those of the settings."""
    try:
        chosen = settings.load()
    except settings.SettingsError as error:
        raise SessionError(str(error)) from error
    if seed is None:
        seed = chosen.random_seed if network.random_seed is None else network.random_seed
    return operator.index(seed), operator.index(chosen.threads if threads is None else threads)


def as_network(
    source: Source,
    backend: str | None,
    agents: int | None,
    values: Mapping[str, Any] | None,
    strict: bool,
) -> Network:
    """The network that a source is, with other values where they are given. Raises GraphError and SessionError."""
    if isinstance(source, Network):
        if backend is None and agents is None and not values:
            return source
        return source.replace(agents=agents, backend=backend, settings=values)
    if not isinstance(source, Mapping) and Path(source).suffix == ".st_net":
        raise SessionError(f"{source}: starting from a saved network is not built yet")
    return load_graph(source, agents=agents, backend=backend, overrides=values, strict=strict)


_open_sessions: weakref.WeakSet[Session] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    for session in list(_open_sessions):
        session.close()


__all__: Sequence[str] = [
    "Answer", "Arrays", "CommandError", "FrameView", "Handle", "ItemView", "Session", "SessionError", "Status",
    "attach", "load_graph",
]  # fmt: skip
