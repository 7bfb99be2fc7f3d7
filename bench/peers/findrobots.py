"""findrobots.py - the hosts that asked for /robots.txt, as the Python cookbook's recipe finds them

    findrobots.py map LOG...          one file after another
    findrobots.py processes LOG...    on a ProcessPoolExecutor with two workers

The recipe that findrobots comes from: gzip, text, str.split. Lines that are too short are passed
over, which the recipe does not do. The hosts are printed sorted, so that all contestants' outputs
can be compared.
"""

import gzip
import sys
from concurrent.futures import ProcessPoolExecutor

WORKERS = 2


def find_robots(name):
    robots = set()
    with gzip.open(name, "rt", encoding="latin-1") as log:
        for line in log:
            fields = line.split()
            if len(fields) > 6 and fields[6] == "/robots.txt":
                robots.add(fields[0])
    return robots


def find_all_robots(mapper, names):
    all_robots = set()
    for robots in mapper(find_robots, names):
        all_robots.update(robots)
    return all_robots


def main():
    how, names = sys.argv[1], sys.argv[2:]
    if how == "processes":
        with ProcessPoolExecutor(WORKERS) as pool:
            robots = find_all_robots(pool.map, names)
    else:
        robots = find_all_robots(map, names)
    for host in sorted(robots):
        print(host)


if __name__ == "__main__":
    main()
