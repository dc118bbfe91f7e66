"""What the commands do, on a session core between two frames. Each returns a text and the same as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from statestream.memory import Record, Word
from statestream.numerics.arrays import trained
from statestream.runtime import listing
from statestream.runtime.plan import SPLIT
from statestream.runtime.requests import RequestError

if TYPE_CHECKING:
    from statestream.runtime.session_core import SessionCore


@dataclass(frozen=True)
class Result:
    """A command's answer. until: the frame that a waiting caller waits for, None if there is nothing to wait for."""

    text: str
    data: Any = None
    until: int | None = None


def stream(core: SessionCore, frames: str | None = None) -> Result:
    """Compute frames."""
    count = None if frames is None else _count(frames, "the number of frames")
    until = core.stream(count)
    return Result("", {"frame": core.frame, "until": until}, until)


def pause(core: SessionCore) -> Result:
    """Stop."""
    core.pause()
    return Result("", {"frame": core.frame})


def step(core: SessionCore) -> Result:
    """One frame; streaming goes on afterwards if it was on."""
    if core.streaming:
        raise RequestError("the network is streaming; pause it to compute single frames")
    until = core.stream(1)
    return Result("", {"frame": core.frame, "until": until}, until)


def state(core: SessionCore) -> Result:
    """The session at a glance."""
    control, network = core.arena.control, core.network
    data = {
        "session": core.session,
        "network": network.name,
        "state": core.state.name.lower(),
        "frame": core.frame,
        "frames per second": round(control.get(Word.RATE) / 1000, 1),
        "agents": network.agents,
        "split": int(core.values(SPLIT)),
        "neuron-pools": len(network.neuron_pools),
        "synapse-pools": len(network.synapse_pools),
        "plasticities": len(network.plasticities),
        "interfaces": len(network.interfaces),
        "not ready": core.children.remaining,
    }
    if core.trouble:
        data["trouble"] = core.trouble
    return Result(listing.pairs(data), data)


def neuron_pools(core: SessionCore) -> Result:
    """Names and shapes."""
    network = core.network
    rows = [
        {"name": name, "shape": list(network.shape(name)), "act": item["act"]}
        for name, item in network.neuron_pools.items()
    ]
    return Result(listing.table(rows, "neuron-pools"), rows)


def synapse_pools(core: SessionCore) -> Result:
    """Names, sources, targets."""
    rows = [
        {"name": name, "source": " * ".join(" + ".join(factor) for factor in item["source"]), "target": item["target"]}
        for name, item in core.network.synapse_pools.items()
    ]
    return Result(listing.table(rows, "synapse-pools"), rows)


def plasticities(core: SessionCore) -> Result:
    """Names, types, optimizers, what they train."""
    rows = [
        {
            "name": name,
            "type": item["type"],
            "optimizer": item["optimizer"],
            "trains": ", ".join(one.name for one in trained(core.network, name)),
        }
        for name, item in core.network.plasticities.items()
    ]
    return Result(listing.table(rows, "plasticities"), rows)


def interfaces(core: SessionCore) -> Result:
    """Names, types, topics."""
    rows = []
    for name, item in core.network.interfaces.items():
        mapped = item["remap"]
        into = ", ".join(f"{topic} -> {mapped.get(topic, topic)}" for topic in item["out"])
        out_of = ", ".join(f"{topic} <- {mapped.get(topic, topic)}" for topic in item["in"])
        rows.append({"name": name, "type": item["type"], "writes": into, "reads": out_of})
    return Result(listing.table(rows, "interfaces"), rows)


def show(core: SessionCore, name: str) -> Result:
    """Everything about one item."""
    data = listing.item_data(core, _item(core, name))
    return Result(listing.item_text(data), data)


def set_parameter(core: SessionCore, item: str, parameter: str, value: str) -> Result:
    """Change a parameter; a number given for an array fills it."""
    _item(core, item)
    try:
        number = float(value)
    except ValueError:
        raise RequestError(f"the value of {item} {parameter} is {value!r}, a number is needed") from None
    key = core.resolve((item, "parameter", parameter))
    before = core.values(key).copy()
    core.set_values(key, number)
    was = f" (was {before:g})" if before.shape == () else f" (all {before.size} values)"
    return Result(f"{item} {parameter} = {number:g}{was}", {"item": item, "parameter": parameter, "value": number})


def split(core: SessionCore, agents: str) -> Result:
    """Keep agents out of learning."""
    count = _count(agents, "the split")
    core.set_split(count)
    learning = core.network.agents - count
    return Result(
        f"split {count}: {learning} of {core.network.agents} agents learn", {"split": count, "learning": learning}
    )


def process_table(core: SessionCore) -> Result:
    """One row per participant, slowest first."""
    control = core.arena.control
    rows: list[dict[str, Any]] = []
    dead = core.children.dead()
    for child in core.children.all:
        index = child.participant.index
        count = control.record(index, Record.COUNT)
        rows.append(
            {
                "process": child.participant.title,
                "pid": child.pid,
                "state": "dead" if child in dead else "ready" if child.ready else "initializing",
                "last ms": round(control.record(index, Record.DURATION) / 1e6, 3),
                "mean ms": round(control.record(index, Record.TOTAL) / 1e6 / count, 3) if count else 0.0,
                "frames": count,
                "items": " ".join(child.participant.items),
            }
        )
    rows.sort(key=lambda row: row["mean ms"], reverse=True)
    frame_time = control.get(Word.FRAME_TIME) / 1e6
    text = listing.table(rows, "processes") + f"\nlast frame {frame_time:.3f} ms"
    return Result(text, {"processes": rows, "last frame ms": frame_time})


def capture(core: SessionCore, action: str | None = None, path: str | None = None, *items: str) -> Result:
    """Begin, end or look at the recording of frames."""
    recorder = core.recorder
    if action is None:
        data = recorder.status()
    elif action == "start" and path is not None:
        data = recorder.start(path, list(items))
        return Result(f"recording to {data['file']} from frame {core.frame} on", data)
    elif action == "stop" and path is None:
        if not recorder.running:
            raise RequestError(f"no capture is running{_last_capture(recorder.status())}")
        data = recorder.finish()
        if "trouble" in data:
            raise RequestError(f"the capture to {data['file']} could not be completed: {data['trouble']}")
        if data["capture"] == "ended":
            return Result(f"recorded frames {data['first frame']} to {data['last frame']} in {data['file']}", data)
    else:
        raise RequestError("usage: capture start FILE [ITEM|#TAG ...], capture stop, or capture alone")
    return Result(listing.pairs(data), data)


def _last_capture(status: dict[str, Any]) -> str:
    if "file" not in status:
        return ""
    return f"; that to {status['file']} has ended at frame {status['last frame']}{_because(status)}"


def _because(status: dict[str, Any]) -> str:
    return f": {status['trouble']}" if "trouble" in status else ""


def leave(core: SessionCore) -> Result:
    """End the session."""
    core.end()
    return Result("", {"frame": core.frame})


def _count(text: str, what: str) -> int:
    try:
        number = int(text)
    except ValueError:
        raise RequestError(f"{what} is {text!r}, an integer is needed") from None
    if number < 0:
        raise RequestError(f"{what} is {number}, it must not be negative")
    return number


def _item(core: SessionCore, name: str) -> str:
    if name not in core.network.items:
        raise RequestError(listing.unknown_item(core.network, name))
    return name
