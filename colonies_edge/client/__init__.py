"""The other side of the wire: asking a coordinator."""
