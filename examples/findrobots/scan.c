/*
 * scan.c - lines and fields of a text that comes in pieces
 *
 * A line ends with \n. Its fields are what lies between runs of ASCII white space, as in
 * Python's str.split(): also \x1c to \x1f, which C's isspace does not count. All other
 * bytes are ordinary, NUL too.
 *
 * A line that counts has the wanted text in it, so only lines where that is found are
 * taken apart; unless lines are to be counted, then each is. Lines are taken apart by one
 * function that can stop at any byte and go on in the next piece. So a line that crosses
 * pieces, however many, is no special case, and nothing is kept of a line but the field
 * that may have to be printed.
 */
#include "findrobots.h"

#include <errno.h>
#include <string.h>

static const bool is_space[256] = {
    ['\t'] = true, ['\n'] = true, ['\v'] = true, ['\f'] = true, ['\r'] = true,
    [0x1c] = true, [0x1d] = true, [0x1e] = true, [0x1f] = true, [' '] = true,
};

void scan_start(struct scan *scan, const struct query *query, struct set *found)
{
    *scan = (struct scan){.query = query, .found = found};
    search_start(&scan->search, query->text);
    scan->last = query->where > query->print ? query->where : query->print;
}

void scan_free(struct scan *scan)
{
    thrum_buffer_free(&scan->printed);
}

/* Take in some bytes of the field under way. */
static int take_field(struct scan *scan, const uint8_t *data, size_t size)
{
    const struct query *query = scan->query;
    if (scan->field == query->where && scan->equal != SIZE_MAX) {
        bool same = size <= query->text.size - scan->equal &&
                    memcmp((const uint8_t *)query->text.data + scan->equal, data, size) == 0;
        scan->equal = same ? scan->equal + size : SIZE_MAX;
    }
    if (scan->field != query->print || scan->equal == SIZE_MAX || scan->too_long)
        return 0;
    if (size > SCAN_LONGEST - scan->printed.size) {
        scan->too_long = true; /* which is bad only if the line turns out to count */
        return 0;
    }
    return thrum_buffer_append(&scan->printed, data, size);
}

/* Take in some bytes of a line, no \n among them. */
static int take_line(struct scan *scan, const uint8_t *data, const uint8_t *end)
{
    scan->in_line = true;
    while (data < end && scan->field <= scan->last) {
        if (!scan->in_field) {
            while (data < end && is_space[*data])
                data++;
            if (data == end)
                break;
            scan->in_field = true;
        }
        const uint8_t *start = data;
        while (data < end && !is_space[*data])
            data++;
        int result = take_field(scan, start, (size_t)(data - start));
        if (result != 0)
            return result;
        if (data < end) {
            scan->in_field = false;
            scan->field++;
        }
    }
    return 0;
}

/* The line is over: does it count? */
static int end_line(struct scan *scan)
{
    size_t fields = scan->field + (scan->in_field ? 1 : 0);
    int result = 0;
    scan->lines++;
    if (fields <= scan->last) {
        if (scan->short_lines++ == 0)
            scan->first_short = scan->lines;
    } else if (scan->equal == scan->query->text.size) {
        scan->matches++;
        result = scan->too_long ? -E2BIG : set_add(scan->found, scan->printed.data, scan->printed.size);
    }
    scan->in_line = scan->in_field = scan->too_long = false;
    scan->field = scan->equal = scan->printed.size = 0;
    return result;
}

static int whole_line(struct scan *scan, const uint8_t *data, const uint8_t *end)
{
    int result = take_line(scan, data, end);
    return result != 0 ? result : end_line(scan);
}

/* Whole lines: each of them. */
static int all_lines(struct scan *scan, const uint8_t *data, const uint8_t *end)
{
    int result = 0;
    while (result == 0 && data < end) {
        const uint8_t *newline = memchr(data, '\n', (size_t)(end - data));
        result = whole_line(scan, data, newline);
        data = newline + 1;
    }
    return result;
}

/* Whole lines: those with the wanted text in them. */
static int likely_lines(struct scan *scan, const uint8_t *data, const uint8_t *end)
{
    const uint8_t *hit;
    int result = 0;
    while (result == 0 && (hit = search_next(&scan->search, data, end)) != NULL) {
        const uint8_t *before = memrchr(data, '\n', (size_t)(hit - data));
        const uint8_t *newline = memchr(hit, '\n', (size_t)(end - hit));
        result = whole_line(scan, before != NULL ? before + 1 : data, newline);
        data = newline + 1;
    }
    return result;
}

int scan_piece(struct scan *scan, thrum_bytes piece)
{
    const uint8_t *data = piece.data, *end = data + piece.size;
    const uint8_t *last = piece.size > 0 ? memrchr(data, '\n', piece.size) : NULL;
    int result = 0;
    if (last != NULL) {
        if (scan->in_line) { /* the end of the line that began before */
            const uint8_t *newline = memchr(data, '\n', piece.size);
            result = whole_line(scan, data, newline);
            data = newline + 1;
        }
        if (result == 0)
            result = (scan->query->count ? all_lines : likely_lines)(scan, data, last + 1);
        data = last + 1;
    }
    if (result == 0 && data < end)
        result = take_line(scan, data, end);
    return result;
}

int scan_end(struct scan *scan)
{
    return scan->in_line ? end_line(scan) : 0;
}
