"""test_queue_rows - the examples of rows Q1 to Q7 do what the rows ask for"""
import example


class QueueRows(example.Test):
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

    def test_q5_the_producer_sees_that_an_item_was_consumed(self):
        lines = self.lines("item_with_event")
        self.assertEqual(lines, [line for n in (1, 2, 3) for line in (
            f"producer: sends {n}", f"consumer: got {n}", f"producer: {n} was consumed, and gave {n * n}")])

    def test_q7_a_pipeline_keeps_order_and_holds_its_source_back(self):
        lines = self.lines("pipeline")
        self.assertEqual(lines[:-1], [f"the squares up to {n}: {n * (n + 1) * (2 * n + 1) // 6}"
                                      for n in range(100, 1001, 100)])
        (most,) = self.matches(lines[-1:], r"never more than (\d+) under way")
        # Four in each of three queues, one in the hand of each of two stages, one that was just taken out.
        self.assertTrue(4 <= most <= 15, most)


if __name__ == "__main__":
    example.main()
