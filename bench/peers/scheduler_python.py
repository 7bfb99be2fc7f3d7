"""scheduler_python - asyncio's tasks, asked as scheduler.c asks coroutines"""

import asyncio
import sys
import time

from bench import speak


def timed(coroutine):
    return lambda n: asyncio.run(coroutine(n))


async def pingpong(n):
    there, back = asyncio.Queue(1), asyncio.Queue(1)

    async def serve():
        for _ in range(n):
            await back.put(await there.get() + 1)

    server = asyncio.create_task(serve())
    item, start = 0, time.monotonic_ns()
    for _ in range(n):
        await there.put(item)
        item = await back.get()
    elapsed = time.monotonic_ns() - start
    await server
    assert item == n
    return elapsed


async def take_turns(n):
    async def turns():
        for _ in range(n // 2):
            await asyncio.sleep(0)

    start = time.monotonic_ns()
    await asyncio.gather(turns(), turns())
    return time.monotonic_ns() - start


async def run(n):
    async def nothing():
        pass

    start = time.monotonic_ns()
    for done in range(0, n, 1000):
        await asyncio.gather(*(asyncio.create_task(nothing()) for _ in range(1000)))
    return time.monotonic_ns() - start


if __name__ == "__main__":
    sys.exit(speak("asyncio, Python", {"pingpong": timed(pingpong), "yield": timed(take_turns), "run": timed(run)}))
