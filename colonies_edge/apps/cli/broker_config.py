"""`broker-config`: brings a parser of its own."""

from colonies_edge.apps.broker_config import add_parser as attach

__all__ = ["attach"]
