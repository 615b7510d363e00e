"""Sockets need file descriptors: a service that expects thousands asks for as many as it may have."""

from __future__ import annotations

import contextlib
import resource

SPARE = 256  # for files, databases, the broker and whatever else the program has open


def enough_descriptors(sockets: int) -> None:
    """Raise this process's own limit, as far as the system allows: a shell starts programs with 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = sockets + SPARE
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):  # a sandbox may forbid it: then it is as it was
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
