/*
 * test_scan.c - lines and fields, in pieces of any size
 *
 * The scanner is held against a plain one that has the whole text before it.
 */
#include "findrobots.h"
#include "harness.h"

#include <thrum/thrum.h>

static uint32_t random_state;

static uint32_t below(uint32_t limit)
{
    random_state = random_state * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)random_state * limit >> 32);
}

/* ---- The plain scanner --------------------------------------------------- */

struct outcome {
    struct set found;
    uint64_t matches, lines, short_lines, first_short;
};

static void split_line(struct outcome *outcome, const struct query *query, const char *line, size_t size)
{
    static const char space[] = "\t\n\v\f\r\x1c\x1d\x1e\x1f ";
    thrum_bytes fields[64];
    size_t n = 0;
    for (size_t i = 0; i < size;) {
        while (i < size && line[i] != '\0' && strchr(space, line[i]) != NULL)
            i++;
        size_t start = i;
        while (i < size && (line[i] == '\0' || strchr(space, line[i]) == NULL))
            i++;
        if (i > start) {
            check(n < 64);
            fields[n++] = (thrum_bytes){line + start, i - start};
        }
    }
    outcome->lines++;
    if (n <= query->where || n <= query->print) {
        if (outcome->short_lines++ == 0)
            outcome->first_short = outcome->lines;
        return;
    }
    const thrum_bytes *where = &fields[query->where], *print = &fields[query->print];
    if (where->size != query->text.size || memcmp(where->data, query->text.data, where->size) != 0)
        return;
    outcome->matches++;
    check_result(set_add(&outcome->found, print->data, print->size), 0);
}

static struct outcome scan_plainly(const struct query *query, const char *text, size_t size)
{
    struct outcome outcome = {.lines = 0};
    for (size_t i = 0; i < size;) {
        const char *newline = memchr(text + i, '\n', size - i);
        size_t length = newline != NULL ? (size_t)(newline - text) - i : size - i;
        split_line(&outcome, query, text + i, length);
        i += length + 1;
    }
    return outcome;
}

/* ---- The one under test -------------------------------------------------- */

/* In pieces of 1 to `largest` bytes, each in memory of its own size, so that a sanitizer sees a step too far. */
static struct outcome scan_in_pieces(const struct query *query, const char *text, size_t size, uint32_t largest)
{
    struct outcome outcome = {.lines = 0};
    struct scan scan;
    scan_start(&scan, query, &outcome.found);
    for (size_t i = 0; i < size;) {
        size_t n = 1 + below(largest);
        n = n < size - i ? n : size - i;
        char *piece = malloc(n);
        check(piece != NULL);
        memcpy(piece, text + i, n);
        check_result(scan_piece(&scan, (thrum_bytes){piece, n}), 0);
        free(piece);
        i += n;
    }
    check_result(scan_end(&scan), 0);
    outcome.matches = scan.matches;
    outcome.lines = scan.lines;
    outcome.short_lines = scan.short_lines;
    outcome.first_short = scan.first_short;
    scan_free(&scan);
    return outcome;
}

static void check_same(const struct query *query, const char *text, size_t size, uint32_t largest)
{
    struct outcome plain = scan_plainly(query, text, size), pieces = scan_in_pieces(query, text, size, largest);
    check_int(pieces.matches, plain.matches);
    check_int(pieces.found.n, plain.found.n);
    check_int(pieces.found.records.size, plain.found.records.size);
    check(plain.found.n == 0 ||
          memcmp(pieces.found.records.data, plain.found.records.data, plain.found.records.size) == 0);
    if (query->count) {
        check_int(pieces.lines, plain.lines);
        check_int(pieces.short_lines, plain.short_lines);
        check_int(pieces.first_short, plain.first_short);
    }
    set_free(&plain.found);
    set_free(&pieces.found);
}

/* Text in which much nearly matches: few words, all kinds of white space, NULs, empty lines. */
static size_t random_text(char *text, size_t size)
{
    static const char *const parts[] = {"/robots.txt", "/robots.tx",   "/robots.txtt", "x/robots.txt", "host", "a",
                                        "/",           "\xc3\xa9\x85", "\n",           "\n",           "\n",   "\r\n",
                                        "\n\n",        "\t",           "\v\f",         "\x1c\x1f"};
    size_t n = 0, length;
    for (;; n += length) {
        char space = below(2) ? ' ' : '\0';
        const char *part = below(10) == 0 ? NULL : parts[below(sizeof parts / sizeof *parts)];
        length = part != NULL ? strlen(part) : 1;
        if (length > size - n)
            return n;
        memcpy(text + n, part != NULL ? part : &space, length);
        if (part != NULL && length < size - n && below(4) != 0)
            text[n + length++] = ' ';
    }
}

TEST(pieces_make_no_difference)
{
    static const struct query queries[] = {{.where = 0, .print = 0}, {.where = 1, .print = 0},
                                           {.where = 0, .print = 1}, {.where = 2, .print = 3},
                                           {.where = 3, .print = 1}, {.where = 4, .print = 4}};
    char text[600];
    for (int round = 0; round < ROUNDS(20000); round++) {
        random_state = (uint32_t)round * 7919;
        struct query query = queries[below(6)];
        query.text = below(3) ? (thrum_bytes){"/robots.txt", 11} : (thrum_bytes){"a", 1};
        query.count = below(2);
        size_t size = random_text(text, 1 + below(sizeof text));
        check_same(&query, text, size, 1);
        check_same(&query, text, size, 1 + below(30));
        check_same(&query, text, size, sizeof text);
    }
}

TEST(every_place_of_the_border)
{
    static const char text[] = "h0 x /robots.txt y\nh1 /robots.txt\nh2 x /robots.txt\r\n\nh3 x /robots.txt";
    const struct query query = {.where = 2, .text = {"/robots.txt", 11}, .count = true};
    for (size_t border = 0; border <= sizeof text - 1; border++) {
        struct set found = {.n = 0};
        struct scan scan;
        scan_start(&scan, &query, &found);
        check_result(scan_piece(&scan, (thrum_bytes){text, border}), 0);
        check_result(scan_piece(&scan, (thrum_bytes){text + border, sizeof text - 1 - border}), 0);
        check_result(scan_end(&scan), 0);
        check_int(scan.matches, 3);
        check_int(scan.lines, 5);
        check_int(scan.short_lines, 2);
        check_int(scan.first_short, 2);
        check_int(found.n, 3);
        scan_free(&scan);
        set_free(&found);
    }
}

/* A field of `size` bytes, then field 1 with that text; in pieces of 4,096 bytes. */
static int scan_long_field(size_t size, const char *line_end)
{
    static char piece[4096];
    memset(piece, 'x', sizeof piece);
    const struct query query = {.where = 1, .text = {"yes", 3}};
    struct set found = {.n = 0};
    struct scan scan;
    scan_start(&scan, &query, &found);
    int result = 0;
    for (size_t left = size; left > 0 && result == 0;) {
        size_t n = left < sizeof piece ? left : sizeof piece;
        result = scan_piece(&scan, (thrum_bytes){piece, n});
        left -= n;
    }
    check_result(result, 0); /* whether it matters is seen later */
    check(scan.printed.capacity < 3 * SCAN_LONGEST);
    result = scan_piece(&scan, (thrum_bytes){line_end, strlen(line_end)});
    if (result == 0)
        result = scan_end(&scan);
    scan_free(&scan);
    set_free(&found);
    return result;
}

TEST(a_field_may_be_long_but_only_so_long)
{
    check_result(scan_long_field(SCAN_LONGEST, " yes\n"), 0);
    check_result(scan_long_field(SCAN_LONGEST + 1, " yes\n"), -E2BIG);
    check_result(scan_long_field(SCAN_LONGEST + 1, " yes"), -E2BIG);
    check_result(scan_long_field(SCAN_LONGEST + 1, " no\n"), 0);
    check_result(scan_long_field(SCAN_LONGEST * 20, " no\n"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_make_no_difference),
        cmocka_unit_test(every_place_of_the_border),
        cmocka_unit_test(a_field_may_be_long_but_only_so_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
