"""How a coordinator is started: the flags of `coordinator start`, which upstream calls `server start`."""

from __future__ import annotations

import argparse

from colonies_edge.apps.cli.command import flag, switch
from colonies_edge.apps.cli.numbers import byte_size, count, identity, listen_address, number, port, topic_level
from colonies_edge.apps.config import VARIABLES, Config
from colonies_edge.protocol.errors import UsageError
from colonies_edge.protocol.limits import MESSAGE_BYTES_CEILING, RETENTION_S_MAX

SYNC_MS_MAX = 60_000
OFF = 0
WOULD_REMOVE_ALL = "would remove everything that succeeded at once"


def retention_time(text: str) -> int:
    """Seconds, or OFF."""
    if text.lower() == "off":
        return OFF
    seconds = number(text)
    if seconds == 0:
        raise argparse.ArgumentTypeError(f"a retention of 0 s {WOULD_REMOVE_ALL}; name some seconds, or `off`")
    if not 0 < seconds <= RETENTION_S_MAX:
        raise argparse.ArgumentTypeError(f"{seconds} is not between 1 and {RETENTION_S_MAX} seconds")
    return seconds


def retention_of(config: Config, given: int | None) -> int | None:
    """How long successful work is kept, None for ever: by the flag, else by upstream's two variables. UsageError."""
    if given is not None:
        return given or None
    wanted = config.retention.lower()
    if wanted in ("", "false"):
        return None
    if wanted != "true":
        raise UsageError(f"{config.describe('retention')} is {config.retention!r}; it is true or false")
    policy, source = VARIABLES["retention_policy"], config.describe("retention")
    if not config.retention_policy:
        raise UsageError(
            f"{source} is true and {policy} is not set: without a time it {WOULD_REMOVE_ALL}; "
            f"set {policy} to the seconds that work is kept after its end"
        )
    try:
        return retention_time(config.retention_policy) or None
    except argparse.ArgumentTypeError as error:
        raise UsageError(f"{config.describe('retention_policy')}: {error}") from None


BRIDGE_FLAG = flag("--bridge", metavar="FILE", help="run a bridge to a colony elsewhere with it, by its bridge.toml")
DATA_FLAG = flag("--data", metavar="DIR", help="where everything is kept (.colonies-edge/coordinator)")
HTTP_FLAGS = (
    flag(
        "--http",
        type=listen_address,
        metavar="HOST:PORT",
        help="serve HTTP there, too, for Colonies SDKs, tools and dashboards (127.0.0.1:50080 is their usual place)",
    ),
    switch("--http-tls", help="serve HTTPS there, with a certificate of one's own authority (`tls init`)"),
    flag("--http-cert", metavar="FILE", help="serve HTTPS there with this certificate and those above it (PEM)"),
    flag("--http-key", metavar="FILE", help="the key of --http-cert, where it is not in the same file"),
    switch("--metrics-for-all", help="show /metrics to other machines, too, and not to this one only"),
    switch("--http-stamped", help="refuse HTTP requests without msgid and ts, which could be replayed"),
    flag(
        "--http-viewer",
        type=identity,
        metavar="ID",
        help="let programs and browsers of this machine look without a key, as this user of the colony; never change",
    ),
)

START_SETTINGS = (
    "mqtt",
    "mqtt_ca",
    "mqtt_cert",
    "mqtt_key",
    "topic_root",
    "colonyname",
    "server_prvkey",
    "colony_prvkey",
    "prvkey",
)
START_FLAGS = (
    DATA_FLAG,
    BRIDGE_FLAG,
    flag(
        "--listen",
        type=listen_address,
        metavar="HOST:PORT",
        help="start the embedded broker there (127.0.0.1:1883 without --mqtt)",
    ),
    switch("--tls", help="serve TLS, with a certificate of one's own authority (`tls init`), at port 8883"),
    flag("--tls-cert", metavar="FILE", help="serve TLS with this certificate and those above it (PEM)"),
    flag("--tls-key", metavar="FILE", help="the key of --tls-cert, where it is not in the same file"),
    flag("--tls-client-ca", metavar="FILE", help="client certificates of this authority are a password"),
    switch("--tls-demand-clients", help="let nobody in without a client certificate"),
    flag(
        "--plain-port",
        type=port,
        metavar="PORT",
        help="beside TLS, plain MQTT on 127.0.0.1 for programs of this machine",
    ),
    *HTTP_FLAGS,
    flag(
        "--home-assistant",
        nargs="?",
        const="homeassistant",
        type=topic_level,
        metavar="PREFIX",
        help="announce colonies and executors to Home Assistant on this broker (homeassistant)",
    ),
    flag(
        "--message-kib",
        type=count(MESSAGE_BYTES_CEILING // 1024),
        metavar="KIB",
        help="the largest message (256); a workflow of thousands of nodes needs more",
    ),
    flag(
        "--file-quota",
        type=byte_size,
        metavar="SIZE",
        help="how much the files of one colony may take of the disk (4GiB)",
    ),
    flag(
        "--sync-ms",
        type=count(SYNC_MS_MAX),
        metavar="MS",
        help="sync to disk so often, not before every reply: a power cut may then lose as much",
    ),
    flag(
        "--retention",
        type=retention_time,
        metavar="SECONDS",
        help="remove successful work and lines of logs so long after their end, or `off` (nothing is ever removed)",
    ),
)
