/*
 * test_buffer.c - bytes that grow
 */
#include "harness.h"

TEST(zero_is_an_empty_one)
{
    thrum_buffer buffer = {0};
    thrum_buffer_free(&buffer);
    thrum_buffer_free(NULL);
    check_result(thrum_buffer_append(&buffer, NULL, 0), 0);
    check_int(buffer.size, 0);
    thrum_buffer_free(&buffer);
}

TEST(appended_bytes_stand_in_order)
{
    thrum_buffer buffer = {0};
    unsigned char piece[97];
    size_t expected = 0;
    for (unsigned round = 0; round < 500; round++) {
        for (size_t i = 0; i < sizeof piece; i++)
            piece[i] = (unsigned char)(round + i);
        check_result(thrum_buffer_append(&buffer, piece, round % (sizeof piece + 1)), 0);
        expected += round % (sizeof piece + 1);
        check_int(buffer.size, expected);
        check(buffer.capacity >= buffer.size);
    }
    const unsigned char *at = buffer.data;
    for (unsigned round = 0; round < 500; round++)
        for (size_t i = 0; i < round % (sizeof piece + 1); i++)
            check_int(*at++, (unsigned char)(round + i));
    thrum_buffer_free(&buffer);
    check(buffer.data == NULL);
    check_int(buffer.size, 0);
    check_int(buffer.capacity, 0);
    check_result(thrum_buffer_append(&buffer, "again", 6), 0);
    check_str((char *)buffer.data, "again");
    free(buffer.data); /* from malloc, as the header says */
}

TEST(reserved_room_is_used_without_a_move)
{
    thrum_buffer buffer = {0};
    check_result(thrum_buffer_append(&buffer, "abc", 3), 0);
    check_result(thrum_buffer_reserve(&buffer, 1000), 0);
    check_int(buffer.size, 3);
    check(buffer.capacity >= 1003);
    const void *data = buffer.data;
    memset((char *)buffer.data + 3, 'x', 1000); /* all of it is ours to write */
    for (int i = 0; i < 1000; i++)
        check_result(thrum_buffer_append(&buffer, "y", 1), 0);
    check(buffer.data == data);
    check_int(buffer.size, 1003);
    check_result(thrum_buffer_reserve(&buffer, 0), 0);
    thrum_buffer_free(&buffer);
}

/* Each doubling copies its own bytes to a place that may have to move under it. */
TEST(a_buffer_can_be_appended_to_itself)
{
    thrum_buffer buffer = {0};
    check_result(thrum_buffer_append(&buffer, "ab", 2), 0);
    while (buffer.size < 1 << 20)
        check_result(thrum_buffer_append(&buffer, buffer.data, buffer.size), 0);
    check_result(thrum_buffer_append(&buffer, (char *)buffer.data + 1, buffer.size - 1), 0);
    const char *text = buffer.data;
    for (size_t i = 0; i < 1 << 20; i++)
        check_int(text[i], i % 2 ? 'b' : 'a');
    for (size_t i = 1 << 20; i < buffer.size; i++)
        check_int(text[i], i % 2 ? 'a' : 'b');
    thrum_buffer_free(&buffer);
}

/* Growing by a constant would move the bytes 100,000 times. */
TEST(growing_is_cheap_in_the_long_run)
{
    thrum_buffer buffer = {0};
    size_t capacity = 0;
    int grown = 0;
    for (int i = 0; i < 100000; i++) {
        check_result(thrum_buffer_append(&buffer, "0123456789", 10), 0);
        grown += buffer.capacity != capacity;
        capacity = buffer.capacity;
    }
    check(grown < 200);
    check(buffer.capacity <= 4 * buffer.size);
    thrum_buffer_free(&buffer);
}

static void check_unchanged(const thrum_buffer *buffer, const thrum_buffer *before)
{
    check(buffer->data == before->data);
    check_int(buffer->size, before->size);
    check_int(buffer->capacity, before->capacity);
    check(memcmp(buffer->data, "abc", 3) == 0);
}

TEST(more_than_there_is_leaves_it_as_before)
{
    thrum_buffer empty = {0}, buffer = {0};
    check_result(thrum_buffer_reserve(&empty, SIZE_MAX), -ENOMEM);
    check(empty.data == NULL && empty.size == 0 && empty.capacity == 0);

    check_result(thrum_buffer_append(&buffer, "abc", 3), 0);
    const thrum_buffer before = buffer;
    static const size_t too_much[] = {SIZE_MAX, SIZE_MAX - 2, SIZE_MAX - 3, SIZE_MAX / 2 + 1, PTRDIFF_MAX};
    for (size_t i = 0; i < sizeof too_much / sizeof too_much[0]; i++) {
        check_result(thrum_buffer_reserve(&buffer, too_much[i]), -ENOMEM);
        check_unchanged(&buffer, &before);
    }
    thrum_buffer_free(&buffer);
}

TEST(refused_memory_leaves_it_as_before)
{
    thrum_buffer buffer = {0};
    check_result(thrum_buffer_append(&buffer, "abc", 3), 0);
    thrum_buffer before = buffer;
    char big[5000] = "";

    fault_arm(FAULT_MEMORY, 0);
    int result = thrum_buffer_reserve(&buffer, sizeof big);
    check(fault_disarm());
    check_result(result, -ENOMEM);
    check_unchanged(&buffer, &before);

    fault_arm(FAULT_MEMORY, 0);
    result = thrum_buffer_append(&buffer, big, sizeof big);
    check(fault_disarm());
    check_result(result, -ENOMEM);
    check_unchanged(&buffer, &before);

    check_result(thrum_buffer_append(&buffer, big, sizeof big), 0);
    check_int(buffer.size, 3 + sizeof big);
    thrum_buffer_free(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zero_is_an_empty_one),
        cmocka_unit_test(appended_bytes_stand_in_order),
        cmocka_unit_test(reserved_room_is_used_without_a_move),
        cmocka_unit_test(a_buffer_can_be_appended_to_itself),
        cmocka_unit_test(growing_is_cheap_in_the_long_run),
        cmocka_unit_test(more_than_there_is_leaves_it_as_before),
        cmocka_unit_test(refused_memory_leaves_it_as_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
