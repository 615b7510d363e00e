"""`monitor start`: the counters of the coordinator for Prometheus."""

from __future__ import annotations

import argparse
import asyncio
import errno
import signal
from collections.abc import Mapping
from typing import Any

from colonies_edge.apps.cli.command import Command, Group, flag
from colonies_edge.apps.cli.exits import SUCCESS, Failed
from colonies_edge.apps.cli.numbers import count, listen_address, port
from colonies_edge.apps.cli.session import Session
from colonies_edge.apps.config import Config
from colonies_edge.protocol.errors import UsageError

HOST = "127.0.0.1"
PORT = 21120  # upstream's
INTERVAL_S = 10
INTERVAL_S_MAX = 86_400


async def start(session: Session) -> int:
    from colonies_edge.apps.monitor.server import MonitorServer
    from colonies_edge.apps.monitor.watch import watch

    config = session.config
    host, number = session.args.listen or (HOST, _variable(config, "monitor_port", port, PORT))
    every_s = session.args.interval or _variable(config, "monitor_interval", count(INTERVAL_S_MAX), INTERVAL_S)
    config.need("server_prvkey")
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for which in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(which, stopping.set)
    try:
        server = MonitorServer(host, number)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise Failed(
                f"port {number} of {host} is taken by another program; name a free one with --listen"
            ) from error
        raise Failed(f"cannot listen at {host}:{number}: {error.strerror}; name another place with --listen") from error
    try:
        shown = f"[{host}]" if ":" in host else host
        url = f"http://{shown}:{server.port}/metrics"
        if not session.shown_as_json({"url": url, "interval": every_s}):
            session.console.info(f"Metrics at {url}, asked for every {every_s} s; Ctrl-C stops it")
        session.console.flush()

        async def ask() -> Mapping[str, Any]:
            return await _statistics(session)

        await watch(server, ask, every_s, stopping, session.console.info)
    finally:
        await loop.run_in_executor(None, server.stop)
    return SUCCESS


async def _statistics(session: Session) -> Mapping[str, Any]:
    """A connection that failed is made anew the next time."""
    try:
        found: Mapping[str, Any] = await session.ask("getstatisticsmsg", topic_colony="_")
        return found
    except BaseException:
        await session.hang_up()
        raise


def _variable(config: Config, name: str, read: Any, default: int) -> int:
    text: str = getattr(config, name)
    if not text:
        return default
    try:
        value: int = read(text)
        return value
    except argparse.ArgumentTypeError as error:
        raise UsageError(f"{config.describe(name)}: {error}") from None


GROUP = Group(
    name="monitor",
    help="the coordinator's counters for Prometheus",
    commands=(
        Command(
            name="start",
            help="serve the coordinator's counters to Prometheus until Ctrl-C",
            run=start,
            key="server_prvkey",
            flags=(
                flag(
                    "--listen",
                    type=listen_address,
                    metavar="HOST:PORT",
                    help=f"where /metrics is ({HOST} and COLONIES_MONITOR_PORT, else {HOST}:{PORT})",
                ),
                flag(
                    "--interval",
                    type=count(INTERVAL_S_MAX),
                    metavar="SECONDS",
                    help=f"between two questions to the coordinator (COLONIES_MONITOR_INTERVAL, else {INTERVAL_S})",
                ),
            ),
        ),
    ),
)
