"""CPU and memory as people write them ("1500m", "2Gi") and as numbers, and what a function spec becomes at submit."""

import re
from functools import lru_cache

from colonies_edge.protocol.codec_revise import revised
from colonies_edge.protocol.errors import BadRequest
from colonies_edge.protocol.limits import COLUMN_INT_MAX, COLUMN_INT_MIN, INT_MAX, INT_MIN, PRIORITY_MAX
from colonies_edge.protocol.model import Conditions, FunctionSpec

_MIB = 2**20
_POWER = {"k": 1, "m": 2, "g": 3, "t": 4}
# 19 digits and no more: what is longer is out of range anyway and must not cost a long conversion.
_CPU = re.compile(r"([+-]?[0-9]{1,19})(m?)")
_MEMORY = re.compile(r"([+-]?[0-9]{1,19})([kmgt])(i?)b?", re.IGNORECASE | re.ASCII)
_UNIT = re.compile(r"[a-z]+\Z", re.IGNORECASE | re.ASCII)


@lru_cache(maxsize=1024)
def millicores(text: str) -> int:
    """`"1500m"` is 1500, `""` is 0. Without the `m` whole cores are meant; the Go server silently takes that for 0."""
    if not text:
        return 0
    match = _CPU.fullmatch(text)
    if match is None:
        raise BadRequest("Error converting CPU to int")
    number = int(match[1])
    return _in_range(number if match[2] else number * 1000, "CPU")


@lru_cache(maxsize=1024)
def bytes_of(text: str) -> int:
    """`"1Gi"` is 2**30, `"1G"` is 10**9, `""` is 0; any letter case, with or without a `B` behind."""
    if not text:
        return 0
    match = _MEMORY.fullmatch(text)
    if match is None:
        rest = _UNIT.sub("", text[:80])
        raise BadRequest(f'error converting memory to int: strconv.ParseInt: parsing "{rest}": invalid syntax')
    base = 1024 if match[3] else 1000
    return _in_range(int(match[1]) * base ** _POWER[match[2].lower()], "memory")


def format_cpu(millis: int) -> str:
    return f"{millis}m"


def format_mib(size_bytes: int) -> str:
    """Whole MiB, rounded toward zero as the Go server shows them."""
    return f"{size_bytes // _MIB if size_bytes >= 0 else -(-size_bytes // _MIB)}Mi"


def normalised(spec: FunctionSpec) -> FunctionSpec:
    """The spec as stored and shown: quantities in one unit, no limit written -1, any executor written as none named.

    Raises BadRequest for what cannot be meant, before anything is kept of the submission.
    """
    if not -PRIORITY_MAX <= spec.priority <= PRIORITY_MAX:
        raise BadRequest(f"Failed to submit function spec, priority outside range [{-PRIORITY_MAX}, {PRIORITY_MAX}]")
    conditions = spec.conditions
    for name in ("maxwaittime", "maxexectime", "maxretries"):
        _column(name, getattr(spec, name))
    for name in ("nodes", "processes", "processespernode"):
        _column(name, getattr(conditions, name))
    return revised(
        spec,
        {
            "maxwaittime": spec.maxwaittime if spec.maxwaittime > 0 else -1,
            "maxexectime": spec.maxexectime if spec.maxexectime > 0 else -1,
            "conditions": _normalised_conditions(conditions),
        },
    )


def _normalised_conditions(conditions: Conditions) -> Conditions:
    return revised(
        conditions,
        {
            "executornames": () if conditions.executornames == ("*",) else conditions.executornames,
            "cpu": _shown_cpu(conditions.cpu),
            "mem": _shown_memory(conditions.mem),
            "storage": _shown_memory(conditions.storage),
            "gpu": revised(conditions.gpu, {"mem": _shown_memory(conditions.gpu.mem)}),
        },
    )


# A fleet asks for the same few quantities again and again.


@lru_cache(maxsize=1024)
def _shown_cpu(text: str) -> str:
    return format_cpu(millicores(text))


@lru_cache(maxsize=1024)
def _shown_memory(text: str) -> str:
    return format_mib(bytes_of(text))


def _column(name: str, number: int) -> None:
    if not COLUMN_INT_MIN <= number <= COLUMN_INT_MAX:
        raise BadRequest(f"Failed to submit function spec, {name} {number} is out of range for a 32-bit integer")


def _in_range(number: int, what: str) -> int:
    if not INT_MIN <= number <= INT_MAX:
        raise BadRequest(f"Error converting {what} to int: out of range for a 64-bit integer")
    return number
