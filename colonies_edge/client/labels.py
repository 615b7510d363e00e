"""Labels are folders of a colony's files: which label is which folder below a place, in both directions."""

from __future__ import annotations

from colonies_edge.client.place import Parts, UnsafeName, require_safe_name
from colonies_edge.protocol.errors import UsageError


def normal_label(text: str) -> str:
    """As a person types it, with a slash in front and none behind. Raises UsageError."""
    parts = [part for part in text.split("/") if part]
    if any(part in (".", "..") for part in parts):
        raise UsageError(f"{text!r} is no label: one is like /models/v2")
    return "/" + "/".join(parts)


def label_of(label: str, parts: Parts) -> str:
    """The label of a folder below the one that `label` stands for."""
    return "/".join((label.rstrip("/"), *parts)) or "/"


def parts_of(label: str, below: str) -> Parts:
    """The folder of a label below another; both come from a coordinator. Raises UnsafeName."""
    if below in (label, label or "/"):
        return ()
    prefix = label.rstrip("/") + "/"
    if not below.startswith(prefix):
        raise UnsafeName(f"label {below!r} is not below {label!r}")
    return tuple(require_safe_name(part) for part in below[len(prefix) :].split("/"))
