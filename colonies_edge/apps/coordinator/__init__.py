"""The coordinator as a program: the engine between a store and a broker."""

from colonies_edge.apps.coordinator.coordinator import Coordinator
from colonies_edge.apps.coordinator.run import Options, Running, coordinating, run_until
from colonies_edge.apps.coordinator.serve_http import Http, HttpPortTaken
from colonies_edge.apps.coordinator.serve_http import missing as missing_for_http

__all__ = [
    "Coordinator",
    "Http",
    "HttpPortTaken",
    "Options",
    "Running",
    "coordinating",
    "missing_for_http",
    "run_until",
]
