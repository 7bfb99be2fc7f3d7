"""bench.py - what the measuring programs in Python have in common: they speak as bench.h says"""

import platform
import sys


def speak(label, cases):
    """Do as the command line says: a case does its work n times and returns nanoseconds in all."""
    if sys.argv[1:] == ["label"]:
        print(f"{label} {platform.python_version()}")
        return 0
    if len(sys.argv) == 3 and sys.argv[1] in cases and sys.argv[2].isdigit():
        run, n = cases[sys.argv[1]], int(sys.argv[2])
        run(n // 10 + 1)
        print(f"{run(n) / n:.3f}")
        return 0
    print(f"usage: {sys.argv[0]} label | CASE N", file=sys.stderr)
    return 2
