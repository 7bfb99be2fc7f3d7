"""test_coroutine_rows - the examples of rows M2 and M3 do what the rows ask for"""
import example


class CoroutineRows(example.Test):
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


if __name__ == "__main__":
    example.main()
