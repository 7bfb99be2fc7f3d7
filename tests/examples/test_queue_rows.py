"""test_queue_rows - the examples of rows Q1 to Q7 do what the rows ask for"""
import example


class QueueRows(example.Test):
    pass


if __name__ == "__main__":
    example.main()
