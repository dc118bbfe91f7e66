"""The fixed words of a graph: sections, kinds of items, top-level keys."""

from __future__ import annotations

SECTIONS = ("neuron_pools", "synapse_pools", "plasticities", "interfaces")
"""The four sections that every graph has."""

CLIENTS = "core_clients"

ITEM_SECTIONS = (*SECTIONS, CLIENTS)

KINDS = dict(zip(ITEM_SECTIONS, ("np", "sp", "plast", "if", "cc"), strict=True))
"""Section -> kind of its items."""

KIND_SECTIONS = {kind: section for section, kind in KINDS.items()}

NOUNS = {
    "np": "neuron-pool",
    "sp": "synapse-pool",
    "plast": "plasticity",
    "if": "interface",
    "cc": "core client",
}
"""Kind -> the word for it in messages."""

SEEDS = ("random_seed", "seed")

TOP_LEVEL = (
    "name", "agents", *ITEM_SECTIONS, "import", "modules", "tag_specs", "globals", "backend", "external_models", "info",
    "__source_root__", *SEEDS,
    "rollout_factor", "first_response_streaming", "first_response_sequential", "shortest_path_sequential",
)  # fmt: skip
"""All keys with a meaning at the top (the last line: benchmark models of old). Module types add their own."""
