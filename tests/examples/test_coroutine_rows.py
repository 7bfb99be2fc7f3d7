"""test_coroutine_rows - the examples of rows M1 to M4 do what the rows ask for"""
import re

import example


def memory_left():
    """Bytes that a program could have now."""
    with open("/proc/meminfo") as meminfo:
        return int(re.search(r"MemAvailable: *(\d+) kB", meminfo.read()).group(1)) * 1024


class CoroutineRows(example.Test):
    def test_m1_the_recipes_interleaving(self):
        self.prints("round_robin", """\
T-minus 10
T-minus 5
Counting up 0
T-minus 9
T-minus 4
Counting up 1
T-minus 8
T-minus 3
Counting up 2
T-minus 7
T-minus 2
Counting up 3
T-minus 6
T-minus 1
Counting up 4
T-minus 5
Blastoff!
Counting up 5
T-minus 4
Counting up 6
T-minus 3
Counting up 7
T-minus 2
Counting up 8
T-minus 1
Counting up 9
Blastoff!
Counting up 10
Counting up 11
Counting up 12
Counting up 13
Counting up 14
""")

    def test_m2_a_bare_next_is_told_from_a_send_and_two_workers_share_the_work(self):
        self.prints("coroutine", """\
Hello, your input message is None
Hello, your input message is Test
Hello, your input message is Coroutine
[w1] Total : 45, work : 5
[w2] Total : 41, work : 4
[w1] Total : 36, work : 5
[w2] Total : 33, work : 3
[w1] Total : 28, work : 5
[w2] Total : 25, work : 3
[w1] Total : 19, work : 6
[w2] Total : 11, work : 8
[w1] Total : 2, work : 9
[w2] Total : 0, work : 2
""")

    def test_m3_values_pass_through(self):
        self.prints("yield_from", """\
== It yields the other generator: yes ==
0
[1, 2, 3, 4, 5, 6, 7, 8, 9]
== It yields from the other generator ==
0
[1, 2, 3, 4, 5, 6, 7, 8, 9]
""")

    def test_m4_a_million_wait_on_two_threads(self):
        # A coroutine is a thread to ThreadSanitizer, which has room for 8128.
        n = 5000 if example.SLOW else 1000000 if memory_left() > 8e9 else 100000
        self.prints_in_any_order("user_threads", f"""\
{n} coroutines wait on 2 threads
the one at the queue: done, though it waited
woken in random order: {n - 1}
""", n, patience=4 * example.PATIENCE)  # a million take some seconds of two CPUs that have nothing else to do

    def test_m4_any_numbers_will_do(self):
        for n, threads in (1, 1), (2, 2), (7, 3), (1000, 10):
            self.assertIn(f"woken in random order: {n - 1}", self.lines("user_threads", n, threads))
        for wrong in ("0",), ("x",), ("4000001",), ("5", "65"), ("1", "2"), ("1", "1", "1"):
            self.refuses("user_threads", *wrong)


if __name__ == "__main__":
    example.main()
