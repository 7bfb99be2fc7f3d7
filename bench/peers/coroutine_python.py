"""coroutine_python.py - Python's generators: resume and yield, and make, run and drop"""

import sys
import time

from bench import speak


def numbers():
    i = 0
    while True:
        yield i
        i += 1


def nothing():
    return
    yield


def next_(n):
    generator = numbers()
    start = time.monotonic_ns()
    for _ in range(n):
        next(generator)
    return time.monotonic_ns() - start


def foreach(n):
    start = time.monotonic_ns()
    for number in numbers():
        if number == n - 1:
            break
    return time.monotonic_ns() - start


def make(n):
    start = time.monotonic_ns()
    for _ in range(n):
        for _ in nothing():
            pass
    return time.monotonic_ns() - start


if __name__ == "__main__":
    sys.exit(speak("generators, Python", {"next": next_, "foreach": foreach, "make": make}))
