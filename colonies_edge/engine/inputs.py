"""Inputs that come with a submit: what parents put out elsewhere, brought by a bridge (`PROTOCOL.md`, for bridges)."""

from typing import Any

from colonies_edge.protocol.codec import dump_json
from colonies_edge.protocol.errors import BadRequest
from colonies_edge.protocol.limits import INPUT_BYTES_MAX, ROOT_INPUTS_BYTES_MAX


def bounded(inputs: tuple[Any, ...], failure: str, *, processes: int = 1) -> tuple[Any, ...]:
    """The same; each of so many processes gets a copy. Raises BadRequest, which begins with `failure`."""
    size = len(dump_json(list(inputs)).encode("utf-8", "replace")) if inputs else 0
    if size > INPUT_BYTES_MAX:
        raise BadRequest(f"{failure}, its inputs have {size} bytes, the limit is {INPUT_BYTES_MAX}")
    if size * processes > ROOT_INPUTS_BYTES_MAX:
        raise BadRequest(
            f"{failure}, its inputs have {size} bytes at each of {processes} roots,"
            f" the limit is {ROOT_INPUTS_BYTES_MAX} for all"
        )
    return inputs
