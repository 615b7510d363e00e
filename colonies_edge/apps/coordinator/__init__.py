"""The coordinator as a program: the engine between a store and a broker."""

from colonies_edge.apps.coordinator.coordinator import Coordinator
from colonies_edge.apps.coordinator.run import Options, Running, coordinating, run_until

__all__ = ["Coordinator", "Options", "Running", "coordinating", "run_until"]
