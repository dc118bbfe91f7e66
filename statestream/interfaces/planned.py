"""Interface types that graphs may name although they are not built yet: their topics and parameters.

Building one means writing its module, which declares it itself, and taking it out of this table.
"""

from __future__ import annotations

from dataclasses import replace

from statestream.graph.catalogue import Dimension, InterfaceDeclaration, Parameter, Topic
from statestream.interfaces.common import confusion, durations, fading


def _image(name: str, features: Dimension, x: int, y: int, help: str = "image") -> Topic:
    return Topic(name, help, (features, x, y))


def _map(name: str, features: int, like: str, help: str) -> Topic:
    return Topic(name, help, (features, None, None), space_of="" if name == like else like)


def _scalar(name: str, help: str) -> Topic:
    return Topic(name, help, (1, 1, 1))


_SAMPLES = tuple(
    Parameter(f"{part} samples", "int", minimum=1, help=f"use only so many samples of the {part} set")
    for part in ("train", "valid", "test")
)
_AUGMENTATION = Parameter("augmentation", "mapping", help="how samples are varied: flipX, crop")

# Old graphs use either name for each.
_MNIST_FILE = Parameter(
    "source_file", "text", required=True, aliases=("source_path",), help="file with the MNIST digits"
)
_CIFAR_PATH = Parameter(
    "source_path", "text", required=True, aliases=("source_file",), help="folder with the CIFAR-10 batches"
)

_MNIST = InterfaceDeclaration(
    "mnist",
    "handwritten digits",
    inputs=(Topic("mnist_pred", "the network's answer", (10, None, None)),),
    outputs=(_image("mnist_image", (1, 3), 28, 28), Topic("mnist_label", "digit, one-hot", (10, None, None))),
    parameters=(_MNIST_FILE, *durations(16, 24), fading(), *_SAMPLES, *confusion()),
)

_CIFAR10 = InterfaceDeclaration(
    "cifar10",
    "small colour photographs of ten classes",
    inputs=(Topic("cf10_pred", "the network's answer", (10, None, None)),),
    outputs=(_image("cf10_image", 3, 32, 32), Topic("cf10_label", "class, one-hot", (10, None, None))),
    parameters=(_CIFAR_PATH, *durations(12, 16), fading(), *_SAMPLES, _AUGMENTATION, *confusion()),
)

_TRANSFORM_CIFAR10 = InterfaceDeclaration(
    "transform_cifar10",
    "photographs with a transformation to be learned",
    outputs=(
        _image("tcf10_image", 3, 32, 32),
        _image("tcf10_transform", 2, 32, 32, "source coordinates of a transformation"),
        _image("tcf10_crop", 2, 16, 16, "source coordinates of a crop"),
        Topic("tcf10_relposmap", "a blob that moves along a line", (1, None, None)),
    ),
    parameters=(_CIFAR_PATH, *durations(12, 16), fading(), *_SAMPLES, *confusion()),
)

_MNIST_SEGMENTATION = InterfaceDeclaration(
    "mnist_segmentation",
    "a mosaic of handwritten digits, labelled pixel by pixel",
    inputs=(_map("seg_mnist_pred", 10, "seg_mnist_image", "the network's answer"),),
    outputs=(
        Topic("seg_mnist_image", "tiles of 28 x 28 pixels", (1, None, None), multiple_of=28),
        _map("seg_mnist_label", 10, "seg_mnist_image", "digit at each pixel, one-hot"),
        _map("seg_mnist_mask", 1, "seg_mnist_image", "1 where the label counts"),
    ),
    parameters=(
        _MNIST_FILE,
        *durations(8, 16),
        fading(),
        Parameter("hide", "float", default=0.0, minimum=0, maximum=1, array=True, help="share of blank tiles"),
        *_SAMPLES,
        *confusion(),
    ),
)


def _street(prefix: str, last: tuple[Topic, ...]) -> tuple[tuple[Topic, ...], tuple[Topic, ...]]:
    """Topics of the two cityscapes types: (inputs, outputs)."""
    image = f"{prefix}_image"
    outputs = (
        _map(image, 3, image, "photograph"),
        _map(f"{prefix}_label", 19, image, "class at each pixel, one-hot"),
        _map(f"{prefix}_class", 3, image, "label as colours"),
        _map(f"{prefix}_pclass", 3, image, "the network's answer as colours"),
        _map(f"{prefix}_mask", 1, image, "1 where the label counts"),
    )
    return (_map(f"{prefix}_pred", 19, image, "the network's answer"),), outputs + last


_CS_IN, _CS_OUT = _street("cs", ())
_CSS_IN, _CSS_OUT = _street("css", (_scalar("css_speed", "the car's speed"), _scalar("css_yaw", "its yaw rate")))
_STREET = (
    Parameter("image_path", "text", required=True, help="folder of the photographs, with train/ and val/"),
    Parameter("label_path", "text", required=True, help="folder of the label images, with train/ and val/"),
    Parameter("vehicle", "any", help="accepted from older graphs; has no effect"),
)

_CITYSCAPES = InterfaceDeclaration(
    "cityscapes",
    "street scenes, labelled pixel by pixel",
    inputs=_CS_IN,
    outputs=_CS_OUT,
    parameters=(
        *_STREET,
        *durations(4, 6),
        Parameter("processes", "int", default=2, minimum=2, help="processes that load images"),
        Parameter("samples", "int", minimum=2, help="images held in memory"),
        _AUGMENTATION,
        *confusion(window=16),
    ),
)

_CITYSCAPES_SEQUENCE = InterfaceDeclaration(
    "cityscapes_sequence",
    "videos of street scenes",
    inputs=_CSS_IN,
    outputs=_CSS_OUT,
    parameters=(
        *_STREET,
        *durations(4, 6),
        Parameter("processes", "int", default=1, minimum=1, help="processes that load images"),
        Parameter("samples", "int", minimum=1, help="images held in memory"),
        _AUGMENTATION,
        *confusion(window=16),
    ),
)

_LETTERSEQUENCE = InterfaceDeclaration(
    "lettersequence",
    "a window that moves over texts, and the same window some letters ahead",
    inputs=(Topic("ls_pred", "the network's answer", (128, None, 1)),),
    outputs=(
        Topic("ls_seq_0", "letters of the window, one-hot", (128, None, 1)),
        Topic("ls_seq_1", "letters of the window ahead, one-hot", (128, None, 1)),
    ),
    parameters=(
        Parameter("source_path", "text", required=True, help="folder of the texts"),
        Parameter("offset", "int", default=1, help="distance between the two windows in letters"),
        *durations(16, 24),
        *confusion(),
    ),
)

_MOVING_EDGES = InterfaceDeclaration(
    "moving_edges",
    "a grating that moves across a round window",
    outputs=(
        Topic("medge_board", "the grating", (1, None, None)),
        Topic("medge_dxdy", "its velocity in x and y", (2, 1, 1)),
    ),
    parameters=(
        Parameter("minmax_velocity", "float", default=1.0, minimum=0, array=True, help="largest velocity"),
        Parameter("min_period", "float", default=4.0, minimum=1e-3, array=True, help="shortest period in pixels"),
        Parameter(
            "max_period", "float", default=8.0, minimum=1e-3, array=True, not_below="min_period",
            help="longest period in pixels, not below min_period",
        ),
        *durations(8, 16),
        Parameter("sigma", "float", default=64.0, minimum=1e-3, array=True, help="size of the window in pixels"),
    ),
)  # fmt: skip

_OSCILLATOR = InterfaceDeclaration(
    "oscillator",
    "one oscillation everywhere",
    outputs=(Topic("osci", "amplitude * sin(2 pi (frame + phase) frequency)"),),
    parameters=(
        Parameter("osci_type", "choice", default="sin", allowed=("sin",), help="form of the oscillation"),
        Parameter("amplitude", "float", default=1.0, array=True, help="largest value"),
        Parameter("frequency", "float", default=0.1, array=True, help="cycles per frame"),
        Parameter("phase", "float", default=0.0, array=True, help="shift in frames"),
    ),
)

_RANDOM = InterfaceDeclaration(
    "random",
    "fresh random numbers in every frame",
    outputs=(Topic("random", "one draw per element"),),
    parameters=(
        Parameter(
            "distribution", "choice", default="uniform", allowed=("bernoulli", "normal", "uniform"),
            help="what the numbers are drawn from",
        ),
        Parameter("p", "float", default=0.5, minimum=0, maximum=1, array=True, help="probability of a 1 (bernoulli)"),
        Parameter("mean", "float", default=0.0, array=True, help="mean (normal)"),
        Parameter("std", "float", default=1.0, minimum=0, array=True, help="standard deviation (normal)"),
        Parameter("min", "float", default=0.0, array=True, help="lower end (uniform)"),
        Parameter("max", "float", default=1.0, array=True, help="upper end (uniform)"),
    ),
)  # fmt: skip

_SIM = InterfaceDeclaration(
    "sim",
    "bodies that see, feel and move in a plane world",
    inputs=(
        _scalar("Fx", "force forward"),
        _scalar("Fy", "force sideways"),
        _scalar("Fa", "turning force"),
        Topic("F_FOV_fov", "accepted; has no effect"),
        Topic("F_lookat", "accepted; has no effect"),
    ),
    outputs=(
        Topic("ret_fov", "colours in the fovea", (3, "fov_receptors", 1)),
        Topic("ret_per", "colours in the periphery", (3, "per_receptors", 1)),
        Topic("dist_fov", "distances in the fovea", (1, "fov_receptors", 1)),
        Topic("dist_per", "distances in the periphery", (1, "per_receptors", 1)),
        Topic("haptic", "closeness all around", ("hap_receptors", 1, 1)),
        *(Topic(name, "population code") for name in ("acc_x", "acc_y", "acc_a", "lookat", "FOV_fov")),
    ),
    parameters=(
        Parameter("world_width", "float", default=1000.0, minimum=1, help="width of the world"),
        Parameter("world_height", "float", default=720.0, minimum=1, help="height of the world"),
        Parameter("world_friction", "float", default=0.2, minimum=0, help="share of the velocity that is kept"),
        Parameter("limit_trans_vel", "float", default=2.0, minimum=0, help="largest velocity per axis"),
        Parameter("limit_rot_vel", "float", default=1.0, minimum=0, help="largest turn per frame"),
        Parameter("repulsion_dist", "float", default=32.0, minimum=0, help="range of the repulsion"),
        Parameter("fov_receptors", "int", default=128, minimum=1, help="rays of the fovea"),
        Parameter("per_receptors", "int", default=128, minimum=1, help="rays of the periphery"),
        Parameter("hap_receptors", "int", default=64, minimum=1, help="directions of touch"),
        Parameter("action_nodes", "int", default=16, minimum=1, help="accepted; has no effect"),
        Parameter("line_segments", "list", help="walls of the world"),
        Parameter("mirrors", "list", help="mirrors of the world"),
        Parameter("out_par", "mapping", help="how each output is coded"),
    ),
)

PLANNED = {
    declaration.type: replace(declaration, available=False)
    for declaration in (
        _MNIST,
        _CIFAR10,
        _TRANSFORM_CIFAR10,
        _CITYSCAPES,
        _CITYSCAPES_SEQUENCE,
        _LETTERSEQUENCE,
        _MNIST_SEGMENTATION,
        _MOVING_EDGES,
        _OSCILLATOR,
        _RANDOM,
        _SIM,
    )
}
"""Declarations by type, none of them available."""
