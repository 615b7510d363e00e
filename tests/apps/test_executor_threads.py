"""Threads of an executor: side by side when functions wait, replaced when they hang, never lost."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from colonies_edge.apps.executor.threads import JobThreads


async def results(threads: JobThreads, works: list[Callable[[], Any]]) -> list[Any]:
    loop = asyncio.get_running_loop()
    futures: list[asyncio.Future[Any]] = []
    for work in works:
        future: asyncio.Future[Any] = loop.create_future()
        futures.append(future)
        threads.submit(work, lambda value, error, future=future: future.set_result(error or value))  # type: ignore[misc]
    return await asyncio.gather(*futures)


def test_values_and_errors_come_back_in_the_loop() -> None:
    async def run() -> None:
        threads = JobThreads(2)
        error = SystemExit(3)

        def leave() -> None:
            raise error

        assert await results(threads, [lambda: 1, leave, lambda: None]) == [1, error, None]
        threads.close()

    asyncio.run(run())


def test_as_many_as_the_count_run_side_by_side() -> None:
    async def run() -> None:
        threads = JobThreads(5)
        together = threading.Barrier(5)
        for _ in range(20):
            assert sorted(await results(threads, [together.wait] * 5)) == [0, 1, 2, 3, 4]
        threads.close()

    asyncio.run(run())


def test_no_more_than_the_count_run_at_once() -> None:
    async def run() -> None:
        threads = JobThreads(3)
        running, most, lock = [0], [0], threading.Lock()

        def work() -> None:
            with lock:
                running[0] += 1
                most[0] = max(most[0], running[0])
            threading.Event().wait(0.002)
            with lock:
                running[0] -= 1

        await results(threads, [work] * 60)
        assert most[0] <= 3
        threads.close()

    asyncio.run(run())


def test_nothing_is_lost_however_the_work_comes() -> None:
    async def run() -> None:
        threads = JobThreads(4)
        for number in range(300):
            assert await results(threads, [lambda: 1] * (number % 7)) == [1] * (number % 7)
            if number % 3 == 0:
                await asyncio.sleep(0)
        threads.close()

    asyncio.run(run())


def test_a_thread_in_unwanted_work_is_replaced_and_counted_until_it_ends() -> None:
    async def run() -> None:
        threads = JobThreads(1)
        let_go, began = threading.Event(), threading.Event()
        ended: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def hang() -> str:
            began.set()
            let_go.wait()
            return "at last"

        ticket = threads.submit(hang, lambda value, error: ended.set_result(value))
        await asyncio.to_thread(began.wait)
        waiting = asyncio.ensure_future(results(threads, [lambda: "next"]))
        await asyncio.sleep(0)
        threads.abandon(ticket)
        threads.abandon(ticket)
        assert threads.stuck == 1
        assert await waiting == ["next"]
        assert await results(threads, [lambda: 1] * 10) == [1] * 10
        let_go.set()
        assert await ended == "at last"
        assert threads.stuck == 0
        assert await results(threads, [lambda: 1] * 10) == [1] * 10
        threads.close()

    asyncio.run(run())


def test_work_that_was_abandoned_before_it_began_never_begins() -> None:
    async def run() -> None:
        threads = JobThreads(1)
        let_go = threading.Event()
        first = asyncio.ensure_future(results(threads, [let_go.wait]))
        await asyncio.sleep(0)
        begun: list[int] = []
        ticket = threads.submit(lambda: begun.append(1), lambda value, error: None)
        threads.abandon(ticket)
        let_go.set()
        await first
        assert await results(threads, [lambda: 2]) == [2]
        assert begun == []
        threads.close()

    asyncio.run(run())
