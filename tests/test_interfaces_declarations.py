"""The declarations of all interface types, and how a type is found."""

import subprocess
import sys

import pytest

from interfaces_network import network
from statestream.graph.catalogue import InterfaceDeclaration, Topic
from statestream.interfaces import Interface, InterfaceError, base, declarations, load
from statestream.interfaces.declarations import INTERFACE, INTERFACES
from statestream.interfaces.roman_numerals import RomanNumerals

TYPES = {
    "mnist", "cifar10", "transform_cifar10", "mnist_segmentation", "cityscapes", "cityscapes_sequence",
    "lettersequence", "moving_edges", "oscillator", "random", "roman_numerals", "sim",
}  # fmt: skip


def parameters(type):
    return {parameter.name: parameter for parameter in INTERFACES[type].parameters}


def test_every_type_is_declared():
    assert set(INTERFACES) >= TYPES
    assert all(type == declaration.type for type, declaration in INTERFACES.items())


def test_declarations_are_complete():
    for declaration in INTERFACES.values():
        assert declaration.help
        assert declaration.outputs
        topics = [topic.name for topic in declaration.inputs + declaration.outputs]
        assert len(topics) == len(set(topics))
        for topic in declaration.inputs + declaration.outputs:
            assert topic.help
            assert topic.space_of in ("", *topics)
        keys = [parameter.name for parameter in (*INTERFACE, *declaration.parameters)]
        assert len(keys) == len(set(keys)), declaration.type
        assert all(parameter.help for parameter in declaration.parameters)


def test_only_types_that_can_be_loaded_are_available():
    for type, declaration in INTERFACES.items():
        if declaration.available:
            assert load(type).declaration is declaration
        else:
            with pytest.raises(InterfaceError, match=rf"{type}: this type is not built yet; there are .*roman"):
                load(type)


def test_an_unknown_type_is_an_error_that_lists_the_known():
    with pytest.raises(InterfaceError, match=r"telepathy: there is no such type; the types are .*mnist.*sim"):
        load("telepathy")


@pytest.mark.parametrize("helper", ["base", "declarations", "numerals", "planned"])
def test_the_rooms_other_modules_are_no_types(helper):
    with pytest.raises(InterfaceError, match="there is no such type"):
        load(helper)


def test_keys_common_to_all():
    keys = {parameter.name: parameter for parameter in INTERFACE}
    assert {"type", "in", "out"} == {name for name, parameter in keys.items() if parameter.required}
    assert {"remap", "mode", "auto_shm_write", "screen_width", "screen_height", "period", "at start"} <= set(keys)
    assert (keys["screen_width"].default, keys["screen_height"].default, keys["mode"].default) == (800, 600, 0)


def test_names_with_spaces_are_literal():
    found = {name: parameter.default for name, parameter in parameters("mnist").items()}
    assert "train samples" in found
    assert (found["conf-mat window"], found["conf-mat mean over"]) == (9, 32)


def test_values_below_one_are_not_raised_to_one():
    """The original gave these parameters a lower bound of 1."""
    allowed = {
        "random": {"p": 0.2, "mean": -1.0, "std": 0.0, "min": -2.0, "max": -1.0},
        "oscillator": {"amplitude": 0.5, "frequency": 0.1, "phase": 0.0},
        "moving_edges": {"minmax_velocity": 0.2, "min_period": 0.5, "sigma": 0.5},
        "mnist_segmentation": {"hide": 0.0},
    }
    for type, values in allowed.items():
        for name, value in values.items():
            least = parameters(type)[name].minimum
            assert least is None or least <= value, (type, name)


def test_the_table_is_light():
    """What only checks a graph must not wait for engines, image libraries or windows."""
    code = (
        "import sys, statestream.interfaces.declarations\n"
        "heavy = {'tensorflow', 'pytensor', 'torch', 'skimage', 'h5py', 'matplotlib', 'pygame', 'scipy'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code]
    found = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout.strip() == "[]"


# --- types of other packages ---


class Clockwork(Interface):
    """Tells the frame; the second output is left to the single mode."""

    declaration = InterfaceDeclaration(
        "clockwork", "tells the frame", outputs=(Topic("tick", "agent number"), Topic("tock", "even", multiple_of=2))
    )

    def advance(self, moment, following):
        """Every agent shows its own number."""
        for topic in self.outputs:
            following[topic][:] = base.np.arange(self.agents)[:, None, None, None]


class Entry:
    """An entry point, as importlib.metadata gives it."""

    def __init__(self, name, value):
        self.name, self.value = name, repr(value)
        self.target = value

    def load(self):
        """The class, or the error of a broken package."""
        if isinstance(self.target, Exception):
            raise self.target
        return self.target


@pytest.fixture
def installed(monkeypatch):
    """Install entry points of another package, for one test."""

    def install(*entries):
        found = {entry.name: entry for entry in entries}
        monkeypatch.setattr(declarations, "entry_points", lambda group: list(found.values()))
        monkeypatch.setattr(base, "entry_points", lambda group: found)
        table = {**INTERFACES, **declarations._foreign()}
        monkeypatch.setattr(declarations, "INTERFACES", table)
        return table

    return install


def test_another_package_can_add_a_type(installed):
    assert installed(Entry("clockwork", Clockwork))["clockwork"].help == "tells the frame"
    assert load("clockwork") is Clockwork


def test_a_package_that_cannot_be_loaded_is_left_out_with_a_warning(installed):
    with pytest.warns(UserWarning, match="broken .* cannot be loaded: no such thing"):
        table = installed(Entry("broken", ImportError("no such thing")))
    assert "broken" not in table


def test_a_package_must_give_an_interface(installed):
    class Fake:
        declaration = Clockwork.declaration

    installed(Entry("clockwork", Fake))
    with pytest.raises(InterfaceError, match="not a class derived from"):
        load("clockwork")


@pytest.mark.parametrize(("mode", "expected"), [(0, [0, 1, 2]), (1, [0, 0, 0])])
def test_the_base_copies_outputs_in_single_mode(monkeypatch, mode, expected):
    monkeypatch.setitem(INTERFACES, "clockwork", Clockwork.declaration)
    net = network({"a": (1, 3, 1), "tock": (1, 2, 4)}, 3, "clock", type="clockwork", out=["tick", "tock"],
                  remap={"tick": "a"}, mode=mode, **{"in": []})  # fmt: skip
    clock = Clockwork(net, "clock")
    assert clock.outputs == {"tick": "a", "tock": "tock"}
    following = {spec.key[2]: clock.initial(spec.key) for spec in clock.variables()}
    clock.step(0, {}, {}, {"mode": float(mode)}, 0, following)
    for topic in ("tick", "tock"):
        assert list(following[topic][:, 0, 0, 0]) == expected


def test_sizes_must_fit_the_topic(monkeypatch):
    monkeypatch.setitem(INTERFACES, "clockwork", Clockwork.declaration)
    net = network({"tock": (1, 3, 4)}, 3, "clock", type="clockwork", out=["tock"], **{"in": []})
    with pytest.raises(InterfaceError, match=r"tock .*\[1, 3, 4\]; X and Y must be multiples of 2"):
        Clockwork(net, "clock")


def test_streams_of_different_interfaces_and_purposes_differ():
    net = network({"rn_image": (1, 8, 8)}, type="roman_numerals", out=["rn_image"], **{"in": []})
    net.interfaces["other"] = net.interfaces["eyes"]
    one, two = RomanNumerals(net, "eyes", 1), RomanNumerals(net, "other", 1)
    draws = [one.generator("a", 0), one.generator("a", 1), one.generator("b", 0), two.generator("a", 0)]
    assert len({generator.random() for generator in draws}) == 4
    assert one.generator("a", 0).random() == one.generator("a", 0).random()
