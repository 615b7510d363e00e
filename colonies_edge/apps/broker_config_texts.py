"""The texts of the broker files: what `broker-config` writes and what lies in the repository's broker_config/."""

from __future__ import annotations

from dataclasses import dataclass
from string import Template

from colonies_edge.protocol import limits

# Messages that the broker may have on the way to one client, unacknowledged. The coordinator acknowledges after its
# commit, so this is also its largest batch: the default of 20 would end a batch after some 7 jobs, and 256 messages of
# the largest size are 64 MiB, what a small board can spare on its worst day.
IN_FLIGHT_MAX = 256
QUEUED_BYTES_MAX = IN_FLIGHT_MAX * limits.MESSAGE_BYTES_MAX
# What an MQTT packet has around our message: at most 7 bytes of header, a topic of some 300, MQTT 5 properties.
PACKET_OVERHEAD_BYTES = 1_024


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What makes one broker's files differ from another's."""

    folder: str  # where the broker will find them
    port: int = 8883
    coordinator: str = "coordinator"  # the user name that the coordinator connects with
    root: str = "colonies"
    data: str = "/var/lib/mosquitto/"


def mosquitto_production(site: Site) -> str:
    return _fill(_MOSQUITTO_PRODUCTION + _MOSQUITTO_LIMITS, site)


def mosquitto_development(site: Site) -> str:
    return _fill(_MOSQUITTO_DEVELOPMENT + _MOSQUITTO_LIMITS, site)


def mosquitto_acl(site: Site) -> str:
    return _fill(_MOSQUITTO_ACL, site)


def nanomq(site: Site) -> str:
    return _fill(_NANOMQ, site)


def nanomq_acl(site: Site) -> str:
    return _fill(_NANOMQ_ACL, site)


def examples() -> dict[str, str]:
    """Every text with the paths that its package uses; broker_config/ holds exactly these, and a test compares."""
    mosquitto = Site(folder="/etc/mosquitto/colonies")
    nano = Site(folder="/etc/nanomq/colonies")
    return {
        "mosquitto-production.conf": mosquitto_production(mosquitto),
        "mosquitto-development.conf": mosquitto_development(mosquitto),
        "mosquitto.acl": mosquitto_acl(mosquitto),
        "nanomq.conf": nanomq(nano),
        "nanomq.acl": nanomq_acl(nano),
    }


def _fill(text: str, site: Site) -> str:
    return Template(text).substitute(
        folder=site.folder,
        port=site.port,
        coordinator=site.coordinator,
        root=site.root,
        data=site.data,
        packet_bytes=limits.REPLY_BYTES_MAX + PACKET_OVERHEAD_BYTES,
        packet_kib=-(-(limits.REPLY_BYTES_MAX + PACKET_OVERHEAD_BYTES) // 1024),
        in_flight=IN_FLIGHT_MAX,
        queued=limits.CONNECTIONS_MAX,
        queued_bytes=QUEUED_BYTES_MAX,
        connections=limits.CONNECTIONS_MAX,
        username="${username}",  # NanoMQ's own placeholder
    )


_MOSQUITTO_PRODUCTION = """\
# mosquitto (2.0 or newer) for a colony. What each line protects: broker_config/README.md.

# Who may connect: only accounts of the password file, whose user names are Colonies identities.
allow_anonymous false
password_file $folder/passwords
# Each account sees its own topics, the coordinator all.
acl_file $folder/acl

# TLS only; there is no plain listener beside it.
listener $port
certfile $folder/server.crt
keyfile $folder/server.key
tls_version tlsv1.2
max_connections $connections

# Kept over a restart: retained states and the coordinator's session. Nothing depends on it (every readymsg puts both
# sides right), so it is written rarely and spares the SD card.
persistence true
persistence_location $data
autosave_interval 1800
# The session of a coordinator that never comes back does not fill the memory for ever.
persistent_client_expiration 1d

log_dest stderr
log_type error
log_type warning
log_type notice
"""

_MOSQUITTO_DEVELOPMENT = """\
# mosquitto (2.0 or newer) for trying things out on one machine: `mosquitto -c mosquitto-development.conf`.
# Anybody on this machine may connect and read; that nobody can forge is up to the signatures in the messages.

listener 1883 127.0.0.1
allow_anonymous true
max_connections $connections

# Leaves nothing behind.
persistence false

log_dest stderr
log_type error
log_type warning
log_type notice
"""

_MOSQUITTO_LIMITS = """
# Without it every small answer waits for the acknowledgement of the one before: 177 ms per job instead of 3.8 ms.
set_tcp_nodelay true

# The largest message of the protocol and what MQTT puts around it; more is not even read into memory.
max_packet_size $packet_bytes

# How much may be on the way to one client, and how much may wait behind it. The one client this is about is the
# coordinator: after a restart the readymsg of every connection may wait for it. What is beyond is dropped, and resent
# by its sender a second later.
max_inflight_messages $in_flight
max_queued_messages $queued
max_queued_bytes $queued_bytes
"""

_MOSQUITTO_ACL = """\
# Who may use which topic of a colony. %u is the user name: the identity of a client or executor.
# mosquitto warns at start that one pattern has no %u: meant so, it is the one topic that everybody reads.
# Not listed is denied, `#` too: a subscription to it is accepted and brings nothing.

pattern read $root/v1/+/coordinator/status

pattern write $root/v1/+/%u/request/+
pattern write $root/v1/+/%u/result/+
pattern write $root/v1/+/%u/status

pattern read $root/v1/+/%u/reply/+
pattern read $root/v1/+/%u/event/+
pattern read $root/v1/+/%u/assign

user $coordinator
topic readwrite $root/#
"""

_NANOMQ = """\
# NanoMQ (0.19 or newer) for a colony. What each line protects: broker_config/README.md.

# TLS only; there is no plain listener beside it.
listeners.ssl {
  bind = "0.0.0.0:$port"
  certfile = "$folder/server.crt"
  keyfile = "$folder/server.key"
  cacertfile = "$folder/ca.crt"
  verify_peer = false
  fail_if_no_peer_cert = false
}

mqtt {
  # The largest message of the protocol and what MQTT puts around it.
  max_packet_size = ${packet_kib}KB
  # How much may wait for one client; what is beyond is dropped, and resent by its sender a second later.
  max_mqueue_len = $queued
  retry_interval = 10s
  keepalive_multiplier = 1.25
  property_size = 32
}

auth {
  # Only accounts of the password file ("<identity>": "<password>", one a line); what no rule allows is denied.
  allow_anonymous = false
  no_match = deny
  deny_action = ignore
  password = {include "$folder/passwords.conf"}
  acl = {include "$folder/acl.conf"}
}

log {
  to = [console]
  level = warn
}
"""

_NANOMQ_ACL = """\
# Who may use which topic of a colony; $username is the user name: the identity of a client or executor.
rules = [
  {"permit": "allow", "username": "$coordinator", "action": "pubsub", "topics": ["$root/#"]}
  {"permit": "allow", "action": "subscribe", "topics": ["$root/v1/+/coordinator/status"]}
  {"permit": "allow", "action": "publish", "topics": ["$root/v1/+/$username/request/+", \
"$root/v1/+/$username/result/+", "$root/v1/+/$username/status"]}
  {"permit": "allow", "action": "subscribe", "topics": ["$root/v1/+/$username/reply/+", \
"$root/v1/+/$username/event/+", "$root/v1/+/$username/assign"]}
  {"permit": "deny"}
]
"""
