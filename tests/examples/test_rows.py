"""test_rows - every row that is due has its example, and every example its test"""
import pathlib
import re

import example

DUE = "T1 T2 T3 T4 T5 T6 T7 T8 T9 T10 T11 T12 T13 T14 T15 T16 Q1 Q2 Q3 Q4 Q5 Q6 Q7 E2 M1 M2 M3 M4".split()


def first_comment(path):
    found = re.match(r"/\*.*?\*/", path.read_text(), re.DOTALL)
    return found.group() if found else ""


def rows_of(path):
    return re.findall(r"\bRow ([A-Z]\d+)\b", first_comment(path))


class Rows(example.Test):
    def test_each_row_is_named_by_an_example_or_a_benchmark(self):
        files = [*example.SOURCE.glob("examples/**/*.c"), *example.SOURCE.glob("bench/**/*.c")]
        named = {row for path in files for row in rows_of(path)}
        self.assertEqual([row for row in DUE if row not in named], [])

    def test_each_example_begins_with_its_row(self):
        for path in example.SOURCE.glob("examples/*.c"):
            self.assertRegex(first_comment(path), r"\A/\*\s+\*? ?Row [A-Z]\d+: \S", path.name)

    def test_each_example_has_a_test(self):
        tests = "".join(path.read_text() for path in pathlib.Path(__file__).parent.glob("test_*_rows.py"))
        names = [pathlib.Path(path).name for path in example.PROGRAMS]
        self.assertEqual([name for name in names if f'"{name}"' not in tests], [])


if __name__ == "__main__":
    example.main()
