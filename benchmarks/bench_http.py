"""Jobs over HTTP and over MQTT in one run, and the latency of one small call.

    python3 benchmarks/bench_http.py [--jobs 3000] [--window 64] [--workers 64] [--calls 2000] [--waiting 1000]
                                     [--processes 10000] [--skip-mqtt] [--json]

A job over HTTP is what existing SDKs do: a submit, a long-polled assign, a close, and an event on a websocket that
tells the submitter. The callers are bare: sockets that are kept open, one request at a time on each. The MQTT figure is
that of `bench_jobs.py` with the same window, embedded broker. Everything shares this machine's cores.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import json
import multiprocessing
import os
import sys
import time
from typing import Any

import bench_jobs
from bench_jobs import Site, free_port, site_of
from websockets.asyncio.client import connect

from colonies_edge.crypto.identity import Signer, new_private_key

LAB = "bench"


class Caller:
    """One connection that is kept open."""

    def __init__(self, port: int, signer: Signer) -> None:
        self._port, self._signer = port, signer
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, msgtype: str, **fields: Any) -> tuple[int, Any]:
        """Status and reply."""
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        body = envelope(self._signer, msgtype, fields)
        writer.write(b"POST /api HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
        reply = json.loads(await reader.readexactly(length))
        return int(head[9:12]), json.loads(base64.b64decode(reply["payload"]))

    async def do(self, msgtype: str, **fields: Any) -> Any:
        status, reply = await self.ask(msgtype, **fields)
        if status != 200:
            raise SystemExit(f"{msgtype}: {status} {reply}")
        return reply

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()


def envelope(signer: Signer, msgtype: str, fields: dict[str, Any]) -> bytes:
    payload = base64.b64encode(json.dumps({"msgtype": msgtype, **fields}).encode()).decode()
    return json.dumps({"payloadtype": msgtype, "payload": payload, "signature": signer.sign(payload.encode())}).encode()


def work(port: int, private_key: str, workers: int) -> None:
    """A process of executors that take and close for ever."""

    async def one() -> None:
        caller = Caller(port, Signer(private_key))
        while True:
            status, process = await caller.ask("assignprocessmsg", colonyname=LAB, timeout=60)
            if status == 200:
                await caller.do("closesuccessfulmsg", processid=process["processid"], out=["hello"])

    async def all_of_them() -> None:
        await asyncio.gather(*(one() for _ in range(workers)))

    with contextlib.suppress(KeyboardInterrupt, asyncio.IncompleteReadError, ConnectionError):
        asyncio.run(all_of_them())


async def run_jobs(port: int, signer: Signer, jobs: int, window: int) -> tuple[float, list[float]]:
    """Seconds for all, and each one's from submit to known result."""
    done: dict[str, asyncio.Future[None]] = {}
    early: set[str] = set()
    spec = {"funcname": "echo", "args": ["hello"], "conditions": {"colonyname": LAB, "executortype": "bench"}}
    latencies = []
    async with connect(f"ws://127.0.0.1:{port}/pubsub", proxy=None, ping_interval=None) as socket:
        watch = {"colonyname": LAB, "executortype": "bench", "state": 2, "timeout": 3600}
        await socket.send(envelope(signer, "subscribeprocessesmsg", watch).decode())

        async def hear() -> None:
            async for frame in socket:
                process = json.loads(base64.b64decode(json.loads(frame)["payload"]))
                waiting = done.pop(process["processid"], None)
                if waiting is None:
                    early.add(process["processid"])
                else:
                    waiting.set_result(None)

        async def submit(count: int) -> None:
            caller = Caller(port, signer)
            for _ in range(count):
                begin = time.perf_counter()
                processid = (await caller.do("submitfuncspecmsg", spec=spec))["processid"]
                if processid not in early:
                    done[processid] = asyncio.get_running_loop().create_future()
                    await done[processid]
                early.discard(processid)
                latencies.append(time.perf_counter() - begin)
            caller.close()

        hearing = asyncio.create_task(hear())
        begin = time.perf_counter()
        await asyncio.gather(*(submit(jobs // window) for _ in range(window)))
        seconds = time.perf_counter() - begin
        hearing.cancel()
    return seconds, sorted(latencies)


async def calls(port: int, signer: Signer, count: int) -> list[float]:
    """Seconds of one small call after the other."""
    caller, found = Caller(port, signer), []
    for _ in range(count):
        begin = time.perf_counter()
        await caller.do("getcolonymsg", colonyname=LAB)
        found.append(time.perf_counter() - begin)
    caller.close()
    return sorted(found)


async def waiting(site: Site, port: int, count: int) -> dict[str, Any]:
    """So many assigns wait; then as many processes come: what each waited from its submit to its assign."""
    keys = [Signer(new_private_key(os.urandom(32))) for _ in range(-(-count // 50))]
    async with site.client("owner") as owner:
        for number, key in enumerate(keys):
            await owner.add_executor(f"waiting-{number}", key.identity, "waiting")
            await owner.approve_executor(f"waiting-{number}")
    callers = [Caller(port, keys[number % len(keys)]) for number in range(count)]
    assigned: dict[str, float] = {}

    async def wait(caller: Caller) -> None:
        process = await caller.do("assignprocessmsg", colonyname=LAB, timeout=300)
        assigned[process["processid"]] = time.perf_counter()

    tasks = [asyncio.create_task(wait(caller)) for caller in callers]
    await asyncio.sleep(3)
    submitter, submitted = Caller(port, site.keys["user"]), {}
    spec = {"funcname": "echo", "conditions": {"colonyname": LAB, "executortype": "waiting"}}
    begin = time.perf_counter()
    for _ in range(count):
        asked = time.perf_counter()
        submitted[(await submitter.do("submitfuncspecmsg", spec=spec))["processid"]] = asked
    await asyncio.gather(*tasks)
    delays = sorted(assigned[processid] - asked for processid, asked in submitted.items())
    for caller in (*callers, submitter):
        caller.close()
    return {
        "waiting": count,
        "waiting_all_answered_s": round(max(assigned.values()) - begin, 2),
        "waiting_delay_p50_ms": round(delays[count // 2] * 1000, 1),
        "waiting_delay_max_ms": round(delays[-1] * 1000, 1),
    }


async def scrapes(site: Site, port: int, processes: int) -> dict[str, Any]:
    """The time of one scrape while so many processes wait, each tenth of another executor type."""

    async def fill(count: int) -> None:
        caller = Caller(port, site.keys["user"])
        for number in range(count):
            conditions = {"colonyname": LAB, "executortype": f"nobody-{number % 10}"}
            await caller.do("submitfuncspecmsg", spec={"funcname": "echo", "conditions": conditions})
        caller.close()

    await asyncio.gather(*(fill(processes // 20) for _ in range(20)))
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    found, size = [], 0
    for _ in range(50):
        begin = time.perf_counter()
        writer.write(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        size = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
        await reader.readexactly(size)
        found.append(time.perf_counter() - begin)
    writer.close()
    found.sort()
    return {"scrape_of": processes, "scrape_p50_ms": round(found[25] * 1000, 2), "scrape_bytes": size}


async def over_http(site: Site, port: int, options: argparse.Namespace) -> dict[str, Any]:
    await bench_jobs.found(site)
    worker = Signer(new_private_key(os.urandom(32)))
    async with site.client("owner") as owner:
        await owner.add_executor("worker", worker.identity, "bench")
        await owner.approve_executor("worker")
    program = multiprocessing.get_context("spawn").Process(
        target=work, args=(port, worker.private_key, options.workers), daemon=True
    )
    program.start()
    user = site.keys["user"]
    await run_jobs(port, user, 4 * options.window, options.window)
    jobs = options.jobs // options.window * options.window
    before = site.cpu_s()["coordinator"]
    seconds, latencies = await run_jobs(port, user, jobs, options.window)
    spent = site.cpu_s()["coordinator"] - before
    small = await calls(port, user, options.calls)
    program.kill()
    program.join()
    patient = await waiting(site, port, options.waiting) if options.waiting else {}
    patient |= await scrapes(site, port, options.processes) if options.processes else {}
    return {
        "http_jobs_per_s": round(jobs / seconds),
        "http_p50_ms": round(latencies[len(latencies) // 2] * 1000, 2),
        "http_coordinator_us_per_job": round(spent / jobs * 1e6),
        "small_call_p50_ms": round(small[len(small) // 2] * 1000, 2),
        "small_call_p99_ms": round(small[len(small) * 99 // 100] * 1000, 2),
        **patient,
    }


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Jobs over HTTP against jobs over MQTT.")
    parser.add_argument("--jobs", type=int, default=3000)
    parser.add_argument("--window", type=int, default=64, help="jobs in flight")
    parser.add_argument("--workers", type=int, default=64, help="assigns that wait at a time")
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--waiting", type=int, default=1000, help="assigns that wait before any work comes")
    parser.add_argument("--processes", type=int, default=10_000, help="that wait while metrics are scraped")
    parser.add_argument("--skip-mqtt", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    options.broker, options.crypto, options.executors, options.backlog, options.idle = "embedded", "", 1, 0, 0
    result: dict[str, Any] = {}
    if not options.skip_mqtt:
        with site_of(options) as site:
            result["mqtt_jobs_per_s"] = asyncio.run(bench_jobs.measure(site))["jobs_per_s"]
    port = free_port()
    with site_of(options, "--http", f"127.0.0.1:{port}") as site:
        result |= asyncio.run(over_http(site, port, options))
    if "mqtt_jobs_per_s" in result:
        result["http_of_mqtt"] = round(result["http_jobs_per_s"] / result["mqtt_jobs_per_s"], 2)
    if options.json:
        print(json.dumps(result))
    else:
        for name, value in result.items():
            print(f"{name:28} {value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
