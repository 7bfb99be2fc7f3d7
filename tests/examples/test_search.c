/*
 * test_search.c - the next place of a text, held against memmem
 */
#include "findrobots.h"
#include "harness.h"

static uint32_t random_state = 1;

static uint32_t below(uint32_t limit)
{
    random_state = random_state * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)random_state * limit >> 32);
}

/* All places, each from behind the last one's first byte, in memory that ends where the text does. */
static void check_all(const uint8_t *data, size_t size, thrum_bytes text)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);
    check(copy != NULL);
    memcpy(copy, data, size);
    struct search search;
    search_start(&search, text);
    const uint8_t *at = copy, *end = copy + size;
    for (;;) {
        const uint8_t *expected = memmem(at, (size_t)(end - at), text.data, text.size);
        const uint8_t *found = search_next(&search, at, end);
        check(found == expected);
        if (found == NULL)
            break;
        at = found + 1;
    }
    free(copy);
}

TEST(random_texts_of_few_letters)
{
    static uint8_t data[700], text[40];
    for (int round = 0; round < ROUNDS(20000); round++) {
        uint32_t letters = 1 + below(4), size = below(sizeof data), text_size = 1 + below(sizeof text);
        for (size_t i = 0; i < size; i++)
            data[i] = (uint8_t)('a' + below(letters));
        for (size_t i = 0; i < text_size; i++)
            text[i] = (uint8_t)('a' + below(letters));
        if (size > text_size) /* so that there is something to find, at the end too */
            memcpy(data + (below(3) == 0 ? size - text_size : below(size - text_size)), text, text_size);
        check_all(data, size, (thrum_bytes){text, text_size});
    }
}

TEST(every_place_and_length)
{
    static uint8_t data[200];
    for (size_t text_size = 1; text_size < 70; text_size++) {
        for (size_t place = 0; place + text_size <= sizeof data; place++) {
            memset(data, '.', sizeof data);
            memset(data + place, 'x', text_size);
            check_all(data, sizeof data, (thrum_bytes){data + place, text_size});
            check_all(data, place + text_size, (thrum_bytes){data + place, text_size});
        }
    }
}

TEST(bytes_are_bytes)
{
    static const uint8_t data[] = {0, 255, 128, 0, 0, 255, 128, 127, 0};
    for (size_t from = 0; from < sizeof data; from++)
        for (size_t size = 1; from + size <= sizeof data; size++)
            check_all(data, sizeof data, (thrum_bytes){data + from, size});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_texts_of_few_letters),
        cmocka_unit_test(every_place_and_length),
        cmocka_unit_test(bytes_are_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
