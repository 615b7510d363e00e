"""What is left out while a package loads is there for everybody else."""

from __future__ import annotations

import subprocess
import sys


def said(program: str) -> str:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()


def test_mqtt_loads_without_the_proxies_of_the_standard_library() -> None:
    assert said("import sys, colonies_edge.transports.mqtt; print('urllib.request' in sys.modules)") == "False"


def test_the_real_module_comes_to_whoever_imports_it_later() -> None:
    assert "urlopen" in said("import colonies_edge.transports.mqtt, urllib.request; print(urllib.request.urlopen)")


def test_a_module_that_is_loaded_already_stays() -> None:
    program = "import urllib.request as r, sys, colonies_edge.transports.mqtt as _; print(sys.modules[r.__name__] is r)"
    assert said(program) == "True"
