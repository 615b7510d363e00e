"""How long signing, recovering and verifying take with each back end that is installed here."""

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from colonies_edge.crypto import backends
from colonies_edge.crypto.identity import Signer, Verifier, recover

KEY = "d6eb959e9aec2e6fdc44b5862b269e987b8a4d6f2baca542d8acaa97ee5e74f6"
ROUNDS = 9


def seconds_each(work: Callable[[int], object], calls: int) -> float:
    """The median of several rounds: a shared machine makes the mean a measure of its neighbours."""
    rounds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for i in range(calls):
            work(i)
        rounds.append((time.perf_counter() - start) / calls)
    return statistics.median(rounds)


def measure(name: str, calls: int) -> dict[str, float]:
    """Microseconds of what the protocol does for each message, hashing and hexadecimal included."""
    os.environ[backends.SETTING] = name
    backends.chosen.cache_clear()
    start = time.perf_counter()
    signer = Signer(KEY)
    first_us = (time.perf_counter() - start) * 1e6
    texts = [f"{i}".encode() * 100 for i in range(calls)]
    signatures = [signer.sign(text) for text in texts]
    verifier = Verifier()

    def verify(i: int) -> bool:
        return verifier.verify(texts[i], signatures[i], signer.identity)

    verify(0)  # first contact
    return {
        "sign_us": seconds_each(lambda i: signer.sign(texts[i]), calls) * 1e6,
        "recover_us": seconds_each(lambda i: recover(texts[i], signatures[i]), calls) * 1e6,
        "verify_known_us": seconds_each(verify, calls) * 1e6,
        "first_key_us": first_us,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=100, help=f"calls per round, of {ROUNDS} rounds")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    found: dict[str, dict[str, float]] = {}
    for name in backends.NAMES:
        if backends.load(name) is not None:
            found[name] = measure(name, options.calls)
    if options.json:
        rounded = {name: {what: round(value, 1) for what, value in row.items()} for name, row in found.items()}
        print(json.dumps({"benchmark": "crypto", "python": platform.python_version(), "backends": rounded}))
        return
    print(f"Python {platform.python_version()} on {platform.machine()}; microseconds, median of {ROUNDS} rounds")
    print(f"{'back end':<14}{'sign':>10}{'recover':>10}{'verify known':>14}{'first key':>12}")
    for name, row in found.items():
        sign, again, known, first = row["sign_us"], row["recover_us"], row["verify_known_us"], row["first_key_us"]
        print(f"{name:<14}{sign:>10.0f}{again:>10.0f}{known:>14.0f}{first:>12.0f}")


if __name__ == "__main__":
    main()
