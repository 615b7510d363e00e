"""Lines of logs per second: from an executor through the broker to the coordinator's disk, and the answer back.

    python3 benchmarks/bench_logs.py [--broker embedded|mosquitto] [--lines 5000] [--processes 5] [--window 100]
                                     [--batch 50] [--length 80] [--json]

Coordinator and broker are processes; the executor is this one, so that what it does to make lines costs nothing. It
runs `--processes` processes at a time and has `--window` messages in flight. Measured twice: with one line in each
`addlogmsg`, as a naive client sends them, and with `--batch` lines in each, as the executors of this package send what
came in 0.2 s. An answer means that the line is synced. In the end the lines are read back and counted.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from typing import Any

from bench_jobs import Site, found, site_of

from colonies_edge.client.client import AsyncClient
from colonies_edge.crypto.identity import Signer, new_private_key
from colonies_edge.protocol.limits import LOG_COUNT_MAX, LOG_MESSAGE_BYTES_MAX, LOGS_PER_PROCESS_MAX

WARM_UP_MESSAGES = 200


async def executor_of(site: Site) -> AsyncClient:
    """Registered and approved, and it pulls what it runs."""
    signer = site.keys["logger"] = Signer(new_private_key(os.urandom(32)))
    async with site.client("owner") as owner:
        await owner.add_executor("logger", signer.identity, "logger")
        await owner.approve_executor("logger")
    return site.client("logger", executor=True)


async def send(client: AsyncClient, processids: list[str], messages: int, text: str, window: int) -> list[float]:
    """Each message's seconds until its answer, in order of size; the last number is the seconds for all."""
    numbers, latencies = iter(range(messages)), []

    async def sender() -> None:
        for number in numbers:
            begin = time.perf_counter()
            await client.add_log(processids[number % len(processids)], text)
            latencies.append(time.perf_counter() - begin)

    begin = time.perf_counter()
    await asyncio.gather(*(sender() for _ in range(window)))
    return [*sorted(latencies), time.perf_counter() - begin]


async def kept(client: AsyncClient, processid: str) -> tuple[int, int]:
    """How many messages and lines the coordinator has of a process."""
    messages = lines = since = 0
    while page := await client.get_logs(processid, count=min(100, LOG_COUNT_MAX), since=since):
        messages += len(page)
        lines += sum(entry.message.count("\n") for entry in page)
        since = page[-1].timestamp
        if messages > 10 * LOGS_PER_PROCESS_MAX:
            raise SystemExit("the log does not end")
    return messages, lines


async def measure(site: Site) -> dict[str, Any]:
    """The figures of one run."""
    options = site.options
    line = "x" * (options.length - 1) + "\n"
    batches = max(1, options.lines // options.batch)
    await found(site)
    async with site.client("user") as user, await executor_of(site) as client:
        for _ in range(options.processes):
            await user.submit("talk", executortype="logger", maxexectime=3600)
        processids = [(await client.assign_process(10)).processid for _ in range(options.processes)]
        await send(client, processids, WARM_UP_MESSAGES, line, options.window)
        journal, cpu = site.journal_bytes(), site.cpu_s()
        *single, single_s = await send(client, processids, options.lines, line, options.window)
        journal_single = site.journal_bytes() - journal
        cpu_us = {part: (spent - cpu[part]) / options.lines * 1e6 for part, spent in site.cpu_s().items()}
        *batched, batched_s = await send(client, processids, batches, line * options.batch, options.window)
        counts = [await kept(client, processid) for processid in processids]
        for processid in processids:
            await client.close_successful(processid)
    lines = WARM_UP_MESSAGES + options.lines + batches * options.batch
    assert sum(count for _, count in counts) == lines, f"{counts} kept of {lines} lines"
    return {
        "broker": options.broker,
        "window": options.window,
        "processes": options.processes,
        "line_bytes": options.length,
        "lines_per_s": round(options.lines / single_s),
        "p50_ms": round(single[len(single) // 2] * 1000, 2),
        "p99_ms": round(single[len(single) * 99 // 100] * 1000, 2),
        "journal_bytes_per_line": round(journal_single / options.lines),
        "cpu_us_per_line": {part: round(spent) for part, spent in cpu_us.items()},
        "batch": options.batch,
        "batched_lines_per_s": round(batches * options.batch / batched_s),
        "batched_messages_per_s": round(batches / batched_s),
        "batched_p50_ms": round(batched[len(batched) // 2] * 1000, 2),
        "lines_read_back": lines,
    }


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Lines of logs per second, on disk and answered.")
    parser.add_argument("--broker", choices=("embedded", "mosquitto"), default="embedded")
    parser.add_argument("--lines", type=int, default=5000, help="of each of the two runs")
    parser.add_argument("--processes", type=int, default=5, help="whose logs they are")
    parser.add_argument("--window", type=int, default=100, help="messages in flight")
    parser.add_argument("--batch", type=int, default=50, help="lines in one message in the second run")
    parser.add_argument("--length", type=int, default=80, help="bytes of a line")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    options.crypto = ""
    messages = WARM_UP_MESSAGES + options.lines + options.lines // options.batch
    if messages > options.processes * (LOGS_PER_PROCESS_MAX - 1):
        parser.error(f"a process has at most {LOGS_PER_PROCESS_MAX} messages: more --processes")
    if options.batch * options.length > LOG_MESSAGE_BYTES_MAX:
        parser.error(f"a message has at most {LOG_MESSAGE_BYTES_MAX} bytes: a smaller --batch")
    with site_of(options) as site:
        result = asyncio.run(measure(site))
    if options.json:
        print(json.dumps(result))
    else:
        for name, value in result.items():
            print(f"{name:24} {value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
