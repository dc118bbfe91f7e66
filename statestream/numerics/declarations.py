"""The parameters of neuron-pools, synapse-pools and plasticities, each declared once.

Pure data: read by the checks of a graph, the arrays of a session, the help, completion and dialogs.
"""

from __future__ import annotations

from dataclasses import replace

from statestream.graph.catalogue import FunctionDeclaration, Initialiser, Parameter, PlasticityDeclaration, Variable
from statestream.graph.common import ITEM

SHAPES = ("full", "feature", "spatial", "scalar")
WEIGHT_SHAPES = (*SHAPES, "src_feature", "tgt_feature", "src_spatial", "tgt_spatial")
MAXIMAL_DELAY = 1000
"""Greatest `source_t` / `target_t`: a bound for the size of a rollout, far above what can be compiled."""


def _noise(kinds: tuple[str, ...], least_std: float, low: float, high: float) -> tuple[Parameter, ...]:
    """The scalars of additive noise, which exist according to the kind of noise chosen."""
    normal, uniform = ("noise", ("normal",)), ("noise", ("uniform",))
    scalars = (
        Parameter("noise", "choice", None, kinds, help="additive noise"),
        Parameter("noise_mean", "float", 0.0, aliases=("noise mean",), array=True, when=normal, help="mean"),
        Parameter(
            "noise_std", "float", 1.0, minimum=least_std, aliases=("noise std",), array=True, when=normal,
            help="standard deviation",
        ),
        Parameter("noise_min", "float", low, aliases=("noise min",), array=True, when=uniform, help="lower end"),
        Parameter(
            "noise_max", "float", high, aliases=("noise max",), array=True, when=uniform, not_below="noise_min",
            help="upper end",
        ),
    )  # fmt: skip
    return scalars


NEURON_POOL: tuple[Parameter, ...] = (
    *ITEM,
    Parameter("shape", "shape", required=True, help="[features, X, Y]"),
    Parameter("act", "activation", "Id", help="activation: a name, or an expression over $"),
    *_noise(("normal", "uniform", "Bernoulli"), 1e-16, -1.0, 1.0),
    Parameter(
        "noise_prob", "float", 0.5, minimum=0.0, maximum=1.0, aliases=("noise prob",), array=True,
        when=("noise", ("Bernoulli",)), help="probability of a one",
    ),
    Parameter(
        "dropout", "float", None, minimum=0.0, maximum=1.0, array=True,
        help="drop rate: a state becomes 0 with this probability (learning agents only), others are scaled up",
    ),
    Parameter(
        "zoneout", "float", None, minimum=0.0, maximum=1.0, array=True, help="probability of keeping the old state"
    ),
    Parameter("bias_shape", "choice", "feature", (*SHAPES, False), help="shape of the bias b"),
    Parameter("gain_shape", "choice", False, (*SHAPES, False), help="shape of the gain g"),
    Parameter("batchnorm_mean", "choice", False, (*SHAPES, False), help="subtract the mean over agents and more"),
    Parameter("batchnorm_std", "choice", False, (*SHAPES, False), help="divide by the deviation over agents and more"),
    Parameter("layernorm_mean", "choice", False, (*SHAPES[:3], False), help="subtract the mean within an agent"),
    Parameter("layernorm_std", "choice", False, (*SHAPES[:3], False), help="divide by the deviation within an agent"),
    Parameter("unshare", "names", (), ("b", "g"), help="parameters with one copy per agent"),
    Parameter("init", "init", None, ("normal", "zero", "one"), per_array=True, help="start value of b or g"),
    Parameter("binary", "bool", False, help="combine contributions as probabilities (noisy or)"),
)  # fmt: skip

_WEIGHTS: tuple[Parameter, ...] = (
    Parameter("rf", "int", 0, minimum=0, layout="inputs", help="receptive field; 0: dense, covers the source"),
    Parameter("dilation", "int", 1, minimum=1, layout="inputs", help="distance between the taps of a kernel"),
    Parameter("act", "activation", "Id", layout="factors", help="activation of a factor, after its bias"),
    Parameter("ppp", "int", 0, minimum=0, layout="inputs", help="project a source to that many features first"),
    Parameter("M", "list", (), help="[hidden features, rf] of a final linear transformation"),
    Parameter("avgout", "int", 1, minimum=1, help="mean over that many adjacent features"),
    Parameter("maxout", "int", 1, minimum=1, help="maximum over that many adjacent features"),
    Parameter("factor_shapes", "choice", "full", SHAPES, layout="factors", help="shape of a factor"),
    Parameter("target_shapes", "choice", None, SHAPES, layout="inputs", help="shape of an input; the factor's"),
    Parameter("weight_shapes", "choice", "full", WEIGHT_SHAPES, layout="inputs", help="shape of the stored weight"),
    Parameter("bias_shapes", "choice", None, (*SHAPES, None, False), layout="factors", help="shape of a factor's bias"),
    Parameter("weight_fnc", "function", "Id", layout="inputs", help="function of the raw weight"),
    Parameter("unshare", "names", (), help="parameters with one copy per agent"),
    Parameter("share params", "mapping", None, help="own parameter: [other synapse-pool, its parameter]"),
    Parameter("init", "init", None, per_array=True, help="start value of an array parameter"),
    Parameter("min", "float", None, per_array=True, help="lower bound of an array parameter"),
    Parameter("max", "float", None, per_array=True, help="upper bound of an array parameter"),
)
"""Keys of synapse-pools that tell of weights and factors."""

_CLOCKED = ("period", "period offset", "at start")

SYNAPSE_POOL: tuple[Parameter, ...] = (
    *(replace(each, planned="it contributes whenever its target is computed") if each.name in _CLOCKED else each
      for each in ITEM),
    Parameter("source", "pool", required=True, layout="inputs", help="[[pools added], ...]: factors are multiplied"),
    Parameter("target", "pool", required=True, help="the pool that receives the result"),
    *(replace(parameter, weights=True) for parameter in _WEIGHTS),
    Parameter("ACT", "activation", "Id", help="activation of the result"),
    Parameter("pact", "activation", "Id", layout="inputs", help="activation of a source, before its weights"),
    *_noise(("normal", "uniform"), 0.0, 0.0, 0.0),
    Parameter(
        "pool", "list", None, help="[max|avg, size, stride, same|valid]: pooling of the one source; no parameters"
    ),
    Parameter("func", "expression", None, help="the result as an expression over $00, $01, ...; no parameters"),
)  # fmt: skip

PLASTICITY: tuple[Parameter, ...] = (
    *ITEM,
    Parameter("type", "text", required=True, help="kind of plasticity"),
    Parameter("parameter", "list", required=True, help="the trained parameters: [[np|sp, item, parameter], ...]"),
    Parameter("optimizer", "text", "grad_desc", help="how a gradient becomes an increment"),
    Parameter("startframe", "int", 2, help="increments are computed after this frame"),
    Parameter(
        "ignore_split",
        "bool",
        False,
        help="learn from all agents, whatever the session's split (which only losses heed)",
    ),
    Parameter("samples", "int", None, minimum=1, help="of no effect; must exceed agents"),
)

_LOSS = (
    Parameter("loss_function", "text", required=True, help="the error that is made small"),
    Parameter("source", "pool", required=True, help="the pool whose state is judged"),
    Parameter("source_t", "int", required=True, minimum=0, maximum=MAXIMAL_DELAY, help="its step in the rollout"),
    Parameter("target", "pool", None, help="the pool it is compared with"),
    Parameter("target_t", "int", None, minimum=0, maximum=MAXIMAL_DELAY, help="the target's step in the rollout"),
    Parameter("mask", "pool", None, help="a pool whose first feature weights the error"),
    Parameter("confidence_penalty", "float", 0.0, minimum=0.0, array=True, help="weight of the confidence penalty"),
    Parameter(
        "label_smoothing",
        "float",
        0.0,
        minimum=0.0,
        maximum=1.0,
        array=True,
        help="share of the target that is spread evenly over all features",
    ),
)
_REGULARIZER = (
    Parameter("L1", "float", 0.0, minimum=0.0, array=True, help="weight of the sum of magnitudes"),
    Parameter("L2", "float", 0.0, minimum=0.0, array=True, help="weight of the sum of squares"),
)
_HEBBIAN = (
    Parameter(
        "modus", "choice", None, ("hebbian", "anti_hebbian", "dt hebbian", "dt anti_hebbian"), required=True,
        help="what is correlated, and with which sign",
    ),
    Parameter("source", "pool", required=True, help="presynaptic pool"),
    Parameter("target", "pool", required=True, help="postsynaptic pool"),
)  # fmt: skip

PLASTICITIES: dict[str, PlasticityDeclaration] = {
    each.type: each
    for each in (
        PlasticityDeclaration(
            "loss",
            "loss",
            _LOSS,
            "gradient descent on a loss through a rollout",
            (Variable("loss0", "of the agents kept out of learning"), Variable("loss1", "of the agents that learn")),
        ),
        PlasticityDeclaration(
            "L_regularizer",
            "parameters",
            _REGULARIZER,
            "L1 and L2 decay",
            (Variable("loss", "L1 times the sum of magnitudes plus L2 times the sum of squares"),),
        ),
        PlasticityDeclaration(
            "hebbian",
            "synapse",
            _HEBBIAN,
            "correlation of the source's state with the target's next one",
            (
                Variable("source(now)", "the source when this last ran", "source"),
                Variable("source(now-1)", "the source when this ran the time before", "source"),
                Variable("target(now)", "the target when this last ran", "target"),
                Variable("target(now-1)", "the target when this ran the time before", "target"),
            ),
            single=True,
        ),
    )
}
"""The types of plasticity. What each computes: `plasticities`."""

INITIALISERS: dict[str, Initialiser] = {
    each.name: each
    for each in (
        Initialiser(
            "xavier", (0, 1), help="uniform, by fan in and fan out; xavier_k scales the bound by k", kernel=True
        ),
        Initialiser("id", (0, 1), False, "identity at the centre tap, neighbours grouped; id_k: k times", True, True),
        Initialiser("Id", (0, 1), False, "identity at the centre tap, features repeated; Id_k: k times", True, True),
        Initialiser("-id", (0,), True, "minus the identity", kernel=True),
        Initialiser("-Id", (0,), True, "minus the identity", kernel=True),
        Initialiser("loc_inh", (0,), True, "local inhibition", kernel=True),
        Initialiser("bilin", (0,), True, "a bump for upsampling", kernel=True),
        Initialiser("normal", (0, 2), help="normal_m_s: mean m, standard deviation s"),
        Initialiser("uniform", (0, 2), help="uniform_a_b: between a and b"),
        Initialiser("zero", (0,), help="zeros"),
        Initialiser("one", (0,), help="ones"),
    )
}

FUNCTIONS: dict[str, FunctionDeclaration] = {
    each.name: each
    for each in (
        *(
            FunctionDeclaration(name, (1, 3), ("axis", "keepdims"), f"{name} over axes (of all elements without axis)")
            for name in ("min", "max", "sum", "prod", "mean", "std", "var", "any")
        ),
        *(FunctionDeclaration(name, (1, 2), ("axis",), f"{name} along an axis") for name in ("argmin", "argmax")),
        FunctionDeclaration("clip", (3, 3), (), "clip(x, low, high)"),
        FunctionDeclaration("minimum", (2, 2), (), "element-wise"),
        FunctionDeclaration("maximum", (2, 2), (), "element-wise"),
        FunctionDeclaration("floor", (1, 1), (), "next lower whole number"),
        FunctionDeclaration("reshape", (2, 2), (), "reshape(x, shape)"),
        FunctionDeclaration("repeat", (2, 3), ("axis",), "repeat(x, times, axis)"),
        FunctionDeclaration("dimshuffle", (2, 2), (), "dimshuffle(x, axes), with 'x' for a new axis"),
        FunctionDeclaration("flatten", (1, 1), (), "all elements in one axis"),
        FunctionDeclaration("cast", (2, 2), (), "cast(x, type)"),
        FunctionDeclaration("dot", (2, 2), (), "matrix product"),
        FunctionDeclaration("tensordot", (2, 3), ("axes",), "product summed over axes"),
        FunctionDeclaration("concatenate", (1, 2), ("axis",), "concatenate([x, y], axis)"),
        FunctionDeclaration("zeros", (1, 1), (), "zeros(shape)"),
        FunctionDeclaration("ones", (1, 1), (), "ones(shape)"),
        FunctionDeclaration("conv2d", (2, 2), (), "conv2d(x, kernel)"),
    )
}
"""What expressions may call beside the activations (spec: 'also callable in expressions')."""
