"""MQTT discovery of Home Assistant: what makes executors and colonies show up there as devices, from their statuses."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from colonies_edge.protocol.codec import dump_json
from colonies_edge.protocol.model import Executor
from colonies_edge.protocol.status import OFFLINE, ONLINE
from colonies_edge.protocol.topics import NO_COLONY, STATUS, Topic, Topics

PREFIX = "homeassistant"  # Home Assistant's own default
_MAKER = "Colonies"
_COUNTERS = ("waiting", "running", "successful", "failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """One retained message."""

    topic: str
    body: bytes


def of_executor(prefix: str, topics: Topics, executor: Executor) -> Discovery:
    """A device with one entity: is it connected?"""
    colony = _level(executor.colonyname)
    presence = topics.format(Topic(colony=colony, party=executor.executorid, channel=STATUS))
    key = f"colonies_{executor.executorid}"
    device = {
        "identifiers": [key],
        "name": f"{executor.executorname} ({executor.colonyname})",
        "manufacturer": _MAKER,
        "model": f"executor of type {executor.executortype}",
        "via_device": _colony_key(executor.colonyname),
    }
    config = {
        "name": "Connected",
        "unique_id": key,
        "device_class": "connectivity",
        "state_topic": presence,
        "value_template": "{{ value_json.state }}",
        "payload_on": ONLINE,
        "payload_off": OFFLINE,
        "device": device,
    }
    return _config(prefix, "binary_sensor", key, "connected", config)


def of_colony(prefix: str, topics: Topics, colony: str) -> list[Discovery]:
    """A device with its counters."""
    status = topics.format(topics.colony_status(_level(colony)))
    key = _colony_key(colony)
    device = {"identifiers": [key], "name": f"Colony {colony}", "manufacturer": _MAKER, "model": "colony"}
    shown: Mapping[str, tuple[str, str]] = {
        "executors": ("Executors ready", "{{ value_json.executorsready }}"),
        **{state: (f"Processes {state}", f"{{{{ value_json.processes.{state} }}}}") for state in _COUNTERS},
    }
    found = []
    for name, (title, template) in shown.items():
        config = {
            "name": title,
            "unique_id": f"{key}_{name}",
            "state_topic": status,
            "value_template": template,
            "state_class": "measurement",
            "device": device,
        }
        found.append(_config(prefix, "sensor", key, name, config))
    return found


def _config(prefix: str, component: str, key: str, name: str, config: dict[str, Any]) -> Discovery:
    return Discovery(topic=_topic(prefix, component, key, name), body=dump_json(config).encode("utf-8", "replace"))


def _topic(prefix: str, component: str, key: str, name: str) -> str:
    return f"{prefix}/{component}/{key}/{name}/config"


def _colony_key(colony: str) -> str:
    """Home Assistant takes letters, digits, `_` and `-` in a topic; other characters become their number."""
    return "colony_" + "".join(
        letter if letter.isascii() and letter.isalnum() else f"-{ord(letter):x}" for letter in colony
    )


def _level(colony: str) -> str:
    """The colony's level in topics; a name that fits into none stands below no colony."""
    try:
        return Topic(colony=colony, party="coordinator", channel=STATUS).colony
    except ValueError:
        return NO_COLONY
