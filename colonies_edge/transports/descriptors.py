"""Sockets need file descriptors: a service that expects thousands asks for as many as it may have, and no more."""

from __future__ import annotations

import contextlib
import logging
import resource

from colonies_edge.protocol.limits import DESCRIPTORS_RESERVED

_log = logging.getLogger(__name__)


def share_descriptors(*wanted: int) -> tuple[int, ...]:
    """How many sockets each listener may have open. This process's own limit is raised as far as the system allows, for
    a shell starts programs with 1,024; what is granted, less what the store needs, is shared out as it was wanted."""
    total = sum(wanted)
    granted = _granted(total + DESCRIPTORS_RESERVED)
    free = max(granted - DESCRIPTORS_RESERVED, granted // 2)
    if free >= total:
        return wanted
    shares = tuple(count * free // total for count in wanted)
    told = " and ".join(map(str, shares))
    _log.warning("at most %s connections: this process may open only %d files (ulimit -Hn)", told, granted)
    return shares


def _granted(wanted: int) -> int:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return wanted
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    with contextlib.suppress(ValueError, OSError):  # a sandbox may forbid it: then it is as it was
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return min(wanted, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
