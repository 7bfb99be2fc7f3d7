"""test_queue_rows - the examples of rows Q1 to Q7 do what the rows ask for"""
import example


class QueueRows(example.Test):
    def test_q1_items_come_as_they_went_and_full_and_empty_are_told(self):
        self.prints("producer_consumer", """\
qsize 0, empty yes, full no
qsize 2, empty no, full yes
put_nowait: full
put within 0.05 seconds: full
Hello world
get_nowait: empty
get within 0.05 seconds: empty
got 1000 numbers, 1000 of them in order, the last is 1000
qsize 0, empty yes, full no
""")

    def test_q2_every_consumer_ends_by_a_sentinel_and_by_close(self):
        self.prints("queue_shutdown", """\
consumer 1 ended: sentinel
consumer 2 ended: sentinel
consumer 3 ended: sentinel
items got: 100, left: 1
a put after close: closed
consumer 1 ended: closed
consumer 2 ended: closed
consumer 3 ended: closed
items got: 100, left: 0
a get after discard: closed
""")

    def test_q3_the_smallest_first_and_of_equals_the_oldest(self):
        self.prints("priorities", """\
fifo: sweep(1) fire(5) door(3) flood(5) dust(1) phone(3)
lifo: phone(3) dust(1) flood(5) door(3) fire(5) sweep(1)
priority: fire(5) flood(5) door(3) phone(3) sweep(1) dust(1)
""")

    def test_q4_join_returns_when_all_is_done(self):
        lines = self.lines("task_done")
        self.assertEqual(sorted(lines[:-2]), sorted(f"{what} {n}" for what in ("put", "got") for n in range(4)
                                                    for _ in range(2)))
        self.assertEqual(lines[-2:], ["all is done: 8 items", "one task_done too many: Invalid argument"])

    def test_q5_the_producer_sees_that_an_item_was_consumed(self):
        lines = self.lines("item_with_event")
        self.assertEqual(lines, [line for n in (1, 2, 3) for line in (
            f"producer: sends {n}", f"consumer: got {n}", f"producer: {n} was consumed, and gave {n * n}")])

    def test_q6_one_loop_serves_queues_and_sockets(self):
        lines = self.lines("pollable_queue")
        self.assertEqual(len(lines), 14)
        self.in_order(lines, "socket: Hello, poll", "socket: closed")
        for queue in (1, 2):
            self.in_order(lines, *[f"queue {queue}: {n}" for n in range(1, 6)], f"queue {queue}: closed")

    def test_q7_a_pipeline_keeps_order_and_holds_its_source_back(self):
        lines = self.lines("pipeline")
        self.assertEqual(lines[:-1], [f"the squares up to {n}: {n * (n + 1) * (2 * n + 1) // 6}"
                                      for n in range(100, 1001, 100)])
        (most,) = self.matches(lines[-1:], r"never more than (\d+) under way")
        # Four in each of three queues, one in the hand of each of two stages, one that was just taken out.
        self.assertTrue(4 <= most <= 15, most)


if __name__ == "__main__":
    example.main()
