"""queue_python.py - Python's queue.Queue, asked as queue.h asks"""

import queue
import sys
import threading
import time

from bench import speak

CAPACITY = 1024


def transfer(pairs):
    def run(n):
        each, items, gate, sums = n // pairs, queue.Queue(CAPACITY), threading.Barrier(2 * pairs + 1), []

        def produce(first):
            gate.wait()
            for item in range(first, first + each):
                items.put(item)

        def consume():
            gate.wait()
            sums.append(sum(items.get() for _ in range(each)))

        threads = [threading.Thread(target=produce, args=(1 + i * each,)) for i in range(pairs)]
        threads += [threading.Thread(target=consume) for _ in range(pairs)]
        for thread in threads:
            thread.start()
        start = time.monotonic_ns()
        gate.wait()
        for thread in threads:
            thread.join()
        elapsed = time.monotonic_ns() - start
        if sum(sums) != each * pairs * (each * pairs + 1) // 2:
            sys.exit("items were lost or came twice")
        return elapsed

    return run


if __name__ == "__main__":
    sys.exit(speak("queue.Queue, Python", {"1-1": transfer(1), "2-2": transfer(2)}))
