"""lock_python.py - Python's threading.Lock, asked as lock.h asks

Only one thread runs at a time anyhow, so a longer section would measure
the interpreter.
"""

import sys
import threading
import time

from bench import speak


def alone(n):
    lock, gate = threading.Lock(), threading.Event()
    other = threading.Thread(target=gate.wait)
    other.start()
    start = time.monotonic_ns()
    for _ in range(n):
        lock.acquire()
        lock.release()
    elapsed = time.monotonic_ns() - start
    gate.set()
    other.join()
    return elapsed


def contended(threads):
    def run(n):
        lock, gate, count = threading.Lock(), threading.Barrier(threads + 1), 0

        def take_turns():
            nonlocal count
            gate.wait()
            more = True
            while more:
                lock.acquire()
                more = count < n
                count += more
                lock.release()

        running = [threading.Thread(target=take_turns) for _ in range(threads)]
        for thread in running:
            thread.start()
        start = time.monotonic_ns()
        gate.wait()
        for thread in running:
            thread.join()
        return time.monotonic_ns() - start

    return run


if __name__ == "__main__":
    sys.exit(speak("threading.Lock, Python", {"alone": alone, "short-2": contended(2), "short-8": contended(8)}))
