"""test_threading_rows - the examples of rows T1 to T16 do what the rows ask for"""
import tempfile

import example
from example import SLOW


class ThreadingRows(example.Test):
    def test_t1_a_thread_from_its_making_to_its_end(self):
        self.prints("thread_life", """\
made: countdown is not alive, ident none
joining it: Invalid argument
started: countdown is alive, ident given
starting it again: Operation already in progress
joining it for 10 ms: timed out
joining itself: Resource deadlock avoided
T-minus 3
T-minus 2
T-minus 1
it returned 42
joined: countdown is not alive, ident given
joining it again: Invalid argument
at the end: daemon is alive, ident given
""")

    def test_t2_an_io_task_stops_within_one_time_out(self):
        self.matches(self.lines("io_task"), "received: until terminate", r"stopped, time-outs it took: [01]",
                     "received: until cancel", r"stopped, time-outs it took: [01]")

    def test_t3_countdown_is_running_never_before_countdown_starting(self):
        lines = self.lines("countdown_event")
        self.assertEqual(lines[0], "launching countdown")
        self.in_order(lines, "countdown starting", "countdown is running")
        self.in_order(lines, "countdown starting", *[f"T-minus {n}" for n in range(10, 0, -1)])
        self.assertEqual(len(lines), 13)

    def test_t4_all_threads_are_counted_and_listed(self):
        self.prints("who_is_there", """\
this is the main thread: yes
its native id is the process's: yes
1 threads: MainThread (main)
4 threads: MainThread (main) reader writer (daemon) a foreign one
another native id: yes
active: 1
""")

    def test_t5_a_task_in_all_its_forms(self):
        lines = self.lines("task_forms")
        self.assertEqual(sorted(lines[:-6]), sorted([
            "Hello, World!", "in thread: destination_name, destination_config",
            *[f"worker {worker}: {n}" for worker in (1, 2, 3) for n in range(10)]]))
        for worker in (1, 2, 3):
            self.in_order(lines, *[f"worker {worker}: {n}" for n in range(10)])
        self.assertEqual(lines[-6:], [
            "the function returned 14", "the object was reached", "my_service returned 42",
            *[f"worker {worker} counted 45 together" for worker in (1, 2, 3)]])

    def file(self, text):
        file = tempfile.NamedTemporaryFile("w", prefix="thrum-example-")
        self.addCleanup(file.close)
        file.write(text)
        file.flush()
        return file.name

    def test_t6_each_line_is_gathered_from_its_thread(self):
        self.prints("file_lines", "Thread-1: aaa is 123\nThread-2: bbb is 456\n", self.file("aaa,123\nbbb,456"))
        self.prints("file_lines", "", self.file(""))
        lines = self.lines("file_lines", self.file("".join(f"n{i},{i}\n" for i in range(200))))
        self.assertEqual(lines, [f"Thread-{i + 1}: n{i} is {i}" for i in range(200)])

    def test_t6_bad_lines_and_files_are_told(self):
        self.assertEqual(self.lines("file_lines", self.file("a,1\nb\n,\n"), status=1,
                                    err="Thread-2: no comma in 'b'\n"), ["Thread-1: a is 1", "Thread-3:  is "])
        self.lines("file_lines", "/", status=1, err="file_lines: /: cannot be read\n")
        self.refuses("file_lines", "/no/such/file")
        self.refuses("file_lines")
        self.refuses("file_lines", "a", "b")

    def test_t7_counts_are_exact_and_a_forgotten_lock_is_reported(self):
        self.prints("locks", """\
counted 100000
tickets 100000, wrong ones 0
reported: thrum: a lock that will never be released:
  names 'ledger' 1, 'clerk' 1, 'auditor' 1
the auditor: Resource deadlock avoided
""")

    def test_t8_an_rlock_has_an_owner_and_a_count(self):
        self.prints("reentrant_lock", """\
balance: 120
taken, count 1
taken, count 2
released, count 1
  another thread takes it: timed out
  another thread releases it: Operation not permitted
released, count 0
  another thread takes it: done
  another thread releases it: done
released once more: Operation not permitted
""")

    def test_t9_never_more_than_three_inside_and_over_release(self):
        self.prints("semaphores", """\
semaphore: released once too often: done
semaphore: it had 4 permits
bounded: released once too often: Value too large for defined data type
bounded: it had 3 permits
3 came in
one more: timed out
all 100 have been in, never more than 3 at once
""")

    def test_t10_both_consumers_are_woken_and_misuse_is_an_error(self):
        lines = self.lines("condition")
        self.assertEqual(sorted(lines[:5]), sorted(["producer: opening", "c1: it is open", "c2: it is open",
                                                    "c1: got one", "c2: got one"]))
        for consumer in ("c1", "c2"):
            self.in_order(lines, "producer: opening", f"{consumer}: it is open", f"{consumer}: got one")
        self.assertEqual(lines[5:], ["left: 0"] + [f"{call} without the lock: Operation not permitted"
                                                   for call in ("wait", "notify", "notify_all", "release")])

    def test_t11_never_stuck_and_who_goes_back_in_the_order_is_told(self):
        self.prints("dining", """\
5 philosophers, 2000 meals each; forks were used 4000 4000 4000 4000 4000
two threads, opposite orders: used 8000 and 8000
reported: thrum: lock order violation:
  names 'knife' 1, 'spoon' 1, 'greedy' 1
the knife behind the spoon: Resource deadlock avoided
both at once: done
""")

    def test_t12_each_thread_has_a_connection_of_its_own(self):
        self.prints("lazy_connection", """\
worker 1: 2 answers
worker 2: 2 answers
worker 3: 2 answers
connections opened: 3, closed: 3
main has one: no
""")

    def test_t13_the_unlocked_counter_can_lose_and_the_locked_one_never(self):
        def attempt():
            unlocked, locked = self.matches(self.lines("race"), "should be 50000", r"unlocked (\d+)", r"locked (\d+)")
            self.assertEqual(locked, 50000)
            self.assertTrue(0 < unlocked <= 50000, unlocked)
            return unlocked < 50000, unlocked

        self.sometimes(attempt)

    def test_t14_five_waits_take_the_time_of_one(self):
        def attempt():
            serial, threads = self.matches(self.lines("blocking_calls"), r"one after the other: (\S+) seconds",
                                           r"in threads: (\S+) seconds")
            self.assertGreaterEqual(serial, 0.5)
            self.assertGreaterEqual(threads, 0.1)
            return threads < 0.4, threads

        self.sometimes(attempt)

    def test_t15_two_threads_take_half_the_time_of_one(self):
        def attempt():
            one, _, two, cpu_time = self.matches(self.lines("parallel_countdown", *count),
                                                 *[rf"threads {n}: (\S+) seconds, with (\S+) seconds of CPU time"
                                                   for n in (1, 2)])
            return one, two, cpu_time

        count = [20000000] if SLOW else []
        self.in_parallel(attempt)

    def test_t15_a_pool_of_threads_takes_half_the_time_of_one(self):
        def attempt():
            lines = self.lines("factorize")
            one, _, two, cpu_time = self.matches(lines[:2], *[rf"{name}: (\S+) seconds, with (\S+) seconds of CPU time"
                                                              for name in ("serial", "threads")])
            self.assertEqual(lines[2:], [f"{n}: {' '.join(str(i) for i in divisors(n))}" for n in numbers])
            return one, two, cpu_time

        numbers = (2139079, 1214759, 1516637, 1852285)
        self.in_parallel(attempt)

    def test_t15_bad_counts_are_refused(self):
        for bad in ("", "0", "-1", "many", "1x", "99999999999999999999"):
            self.refuses("parallel_countdown", bad)
            self.refuses("many_threads", bad)
        self.refuses("parallel_countdown", 1, 2)
        self.refuses("many_threads", 1, 2)

    def test_t16_a_hundred_thousand_thread_objects(self):
        count = 10000 if SLOW else 100000
        self.matches(self.lines("many_threads", count), *[rf"{count} thread objects: \S+ seconds, \d+ ns each"] * 3,
                     "Hello,", rf"Thread-{3 * count + 1}, [1-9]\d*")


def divisors(n):
    low = [i for i in range(1, int(n ** 0.5) + 1) if n % i == 0]
    return sorted({*low, *(n // i for i in low)})


if __name__ == "__main__":
    example.main()
