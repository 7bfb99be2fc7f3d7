"""map.py - tasks on Python's ThreadPoolExecutor, and the map of its ThreadPool"""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.pool import ThreadPool

from bench import speak

WORKERS = 2
MAP_ITEMS = 1_000_000


def nothing():
    pass


def square(x):
    return x * x


def submit(n):
    with ThreadPoolExecutor(WORKERS) as pool:
        pool.submit(nothing).result()
        start = time.monotonic_ns()
        futures = [pool.submit(nothing) for _ in range(n)]
        for future in futures:
            future.result()
        return time.monotonic_ns() - start


def ping(n):
    with ThreadPoolExecutor(WORKERS) as pool:
        pool.submit(nothing).result()
        start = time.monotonic_ns()
        for _ in range(n):
            pool.submit(nothing).result()
        return time.monotonic_ns() - start


def map_threads(n):
    """ThreadPool.map, which hands out large pieces; ThreadPoolExecutor.map is a submit an item."""
    items = [float(i) for i in range(MAP_ITEMS)]
    with ThreadPool(WORKERS) as pool:
        start = time.monotonic_ns()
        for _ in range(0, n, MAP_ITEMS):
            pool.map(square, items)
        return time.monotonic_ns() - start


if __name__ == "__main__":
    sys.exit(speak("Python", {"submit": submit, "ping": ping, "map": map_threads}))
