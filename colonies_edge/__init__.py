"""colonies_edge: Colonies at the edge, over MQTT; the two names people import are `Client` and `Executor`."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from colonies_edge.apps.executor import Executor
    from colonies_edge.apps.sdk import Client

__version__ = "0.1.0"
__all__ = ["Client", "Executor", "__version__"]


def __getattr__(name: str) -> Any:
    """Load on first use: `colonies-edge --version` on a Pi must not pay for MQTT and threads."""
    if name == "Client":
        from colonies_edge.apps.sdk import Client

        return Client
    if name == "Executor":
        from colonies_edge.apps.executor import Executor

        return Executor
    raise AttributeError(name)
