"""What names and identities may look like; every place that lets one in asks here."""

import re

from colonies_edge.protocol.errors import BadRequest
from colonies_edge.protocol.limits import NAME_CHARS_MAX
from colonies_edge.protocol.topics import NO_COLONY

_COLONY = re.compile(r"[A-Za-z0-9._-]{1,64}")
_IDENTITY = re.compile(r"[0-9a-f]{64}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def require_colony_name(failure: str, name: str) -> None:
    """A colony's name is a level of its topics. Raises BadRequest, its text beginning with `failure`."""
    if not _COLONY.fullmatch(name) or name == NO_COLONY:
        raise BadRequest(f"{failure}, a colony name has 1 to 64 letters, digits, dots, underscores and dashes")


def require_name(failure: str, what: str, name: str) -> None:
    """The name of an executor or a user. Raises BadRequest.

    Upstream keeps them as `colony:name`, where one colon breaks every listing of the colony; we keep `colony/name`.
    """
    if not name or ":" in name or "/" in name:
        raise BadRequest(f"{failure}, the {what} must not be empty nor contain a colon or a slash")
    require_text(failure, what, name)


def require_text(failure: str, what: str, text: str) -> None:
    """Something short that people read in tables. Raises BadRequest."""
    if len(text) > NAME_CHARS_MAX:
        raise BadRequest(f"{failure}, the {what} is longer than {NAME_CHARS_MAX} characters")
    if _CONTROL.search(text):
        raise BadRequest(f"{failure}, the {what} contains a control character")


def require_identity(failure: str, text: str, wrong_length: str) -> None:
    """An identity is 64 lower-case hex digits. Raises BadRequest, with upstream's text where upstream has one."""
    if len(text) != 64:
        raise BadRequest(f"{failure}, {wrong_length}")
    if not _IDENTITY.fullmatch(text):
        raise BadRequest(f"{failure}, an Id consists of 64 lower-case hex digits")
