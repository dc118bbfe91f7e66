"""The core clients that a graph can name, with their parameters."""

from __future__ import annotations

from statestream.graph.catalogue import ClientDeclaration, Parameter

COMMON: tuple[Parameter, ...] = (
    Parameter("type", "text", required=True, help="kind of core client"),
    Parameter("state", "bool", False, help="active from the beginning"),
    Parameter("start frame", "int", 2, minimum=0, aliases=("start_frame",), help="becomes active in this frame"),
    Parameter("tags", "names", (), help="labels, for imports"),
)

CORE_CLIENTS: dict[str, ClientDeclaration] = {
    each.type: each
    for each in (
        ClientDeclaration(
            "lr_scheduler",
            "changes the learning rate of a plasticity each frame",
            (
                Parameter("plast", "plasticity", required=True, help="the plasticity"),
                Parameter(
                    "schedule", "choice", "constant", ("constant", "exponential_decay"), help="how the rate changes"
                ),
                Parameter("decay", "float", 0.99, minimum=0.0, help="factor per frame of exponential_decay"),
            ),
            available=False,
        ),
        ClientDeclaration(
            "save_images",
            "writes states as images",
            (
                Parameter("items", "mapping", required=True, help="neuron-pool: {offset: frames}"),
                Parameter("save_path", "text", None, help="folder for the images"),
            ),
            available=False,
        ),
        ClientDeclaration(
            "trainvaltest",
            "trains, validates and tests by epochs, and writes a report",
            (
                Parameter("main_interface", "interface", required=True, help="the interface with the data"),
                Parameter("main_plasticity", "plasticity", required=True, help="the plasticity whose loss is logged"),
                Parameter("target_folder", "text", None, help="folder for models and reports"),
                Parameter("test_after_epochs", "int", 10000, minimum=1, help="epochs of training before the test"),
                Parameter("validate_after_epochs", "int", 1000, minimum=1, help="epochs between validations"),
            ),
            available=False,
        ),
    )
}
