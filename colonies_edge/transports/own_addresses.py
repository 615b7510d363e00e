"""Under which names and addresses this machine is reached, as far as it knows itself."""

from __future__ import annotations

import ipaddress
import re
import socket
from pathlib import Path

LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")
_ROUTES = Path("/proc/net/fib_trie")  # of IPv4; what is local there are our own addresses
_INTERFACES_6 = Path("/proc/net/if_inet6")
_LOCAL = re.compile(r"\|-- (\S+)\n\s+/32 host LOCAL")


def own_hosts() -> tuple[str, ...]:
    """Names first, then addresses, then what only this machine itself can use."""
    name = socket.gethostname()
    # Raspberry Pi OS and desktops answer to this name in the local network (mDNS).
    names = [name, f"{name}.local"] if name and "." not in name else [name]
    found = [*names, *_addresses(), *LOCAL_HOSTS]
    return tuple(dict.fromkeys(host for host in found if host))


def _addresses() -> list[str]:
    found = _LOCAL.findall(_text(_ROUTES))
    for line in _text(_INTERFACES_6).splitlines():
        digits = line.split()[0]
        found.append(":".join(digits[at : at + 4] for at in range(0, 32, 4)))
    addresses = (ipaddress.ip_address(text) for text in found)
    return [str(address) for address in addresses if not (address.is_loopback or address.is_link_local)]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:  # not Linux, or no IPv6: names will have to do
        return ""
