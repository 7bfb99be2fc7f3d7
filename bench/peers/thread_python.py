"""thread_python.py - what a thread costs, and an object for one that is not started. Seed list: Row T16"""

import sys
import threading
import time

from bench import speak


def nothing():
    pass


def run(n):
    start = time.monotonic_ns()
    for _ in range(n):
        thread = threading.Thread(target=nothing)
        thread.start()
        thread.join()
    return time.monotonic_ns() - start


def make(n):
    start = time.monotonic_ns()
    for _ in range(n):
        threading.Thread(target=nothing)
    return time.monotonic_ns() - start


if __name__ == "__main__":
    sys.exit(speak("threading.Thread, Python", {"run": run, "make": make}))
