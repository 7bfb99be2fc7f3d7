"""test_threading_rows - the examples of rows T1 to T16 do what the rows ask for"""
import example


class ThreadingRows(example.Test):
    def test_t3_countdown_is_running_never_before_countdown_starting(self):
        lines = self.lines("countdown_event")
        self.assertEqual(lines[0], "launching countdown")
        self.in_order(lines, "countdown starting", "countdown is running")
        self.in_order(lines, "countdown starting", *[f"T-minus {n}" for n in range(10, 0, -1)])
        self.assertEqual(len(lines), 13)


if __name__ == "__main__":
    example.main()
