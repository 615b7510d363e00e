"""What can go wrong between a caller and the coordinator: a class per status; its docstring is the default message."""

from typing import ClassVar


class ColoniesError(Exception):
    """The request failed."""

    status: ClassVar[int] = 500

    def __init__(self, message: str = "") -> None:
        self.message = message or (type(self).__doc__ or "").strip()
        super().__init__(self.message)

    def body(self) -> dict[str, object]:
        """The payload of the error reply (`protocol-core.md` 1.4)."""
        return {"status": self.status, "message": self.message}


class BadRequest(ColoniesError):
    """The message is not what this request needs."""

    status = 400


class Forbidden(ColoniesError):
    """Access denied."""

    status = 403


class NotFound(ColoniesError):
    """There is no such thing."""

    status = 404


class WaitTimeout(ColoniesError):
    """The time to wait is over."""

    status = 408


class Conflict(ColoniesError):
    """Something newer has taken its place."""

    status = 409


class TooLarge(ColoniesError):
    """The message is larger than the limit."""

    status = 413


class ClockSkew(ColoniesError):
    """The time stamp is too far from the coordinator's time, which this reply carries: sign again and resend."""

    status = 425

    def __init__(self, message: str = "", *, ts: int = 0) -> None:
        super().__init__(message)
        self.ts = ts

    def body(self) -> dict[str, object]:
        return {**super().body(), "ts": self.ts}


class TooManyRequests(ColoniesError):
    """Too many requests; slow down and resend."""

    status = 429


class Internal(ColoniesError):
    """The coordinator failed, through no fault of the caller."""

    status = 500


class BadReply(Internal):
    """What was answered makes no sense."""


class Unavailable(ColoniesError):
    """Not now; try again later."""

    status = 503


class NoConnection(Exception):
    """No reply: the broker or the coordinator cannot be reached."""


class UsageError(Exception):
    """The command or the settings make no sense."""


_BY_STATUS: dict[int, type[ColoniesError]] = {
    kind.status: kind
    for kind in (
        BadRequest,
        Forbidden,
        NotFound,
        WaitTimeout,
        Conflict,
        TooLarge,
        TooManyRequests,
        Internal,
        Unavailable,
    )
}


def error_of(status: int, message: str, ts: int = 0) -> ColoniesError:
    """The exception for a status that came in a reply; one that has no class of its own keeps its number."""
    if status == ClockSkew.status:
        return ClockSkew(message, ts=ts)
    kind = _BY_STATUS.get(status)
    if kind is not None:
        return kind(message)
    error = ColoniesError(message)
    error.status = status  # type: ignore[misc]  # the class has a default, this one reply has its own number
    return error
