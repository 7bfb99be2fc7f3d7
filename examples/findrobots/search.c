/*
 * search.c - the next place of a short text in a long one
 *
 * Two bytes of the text are looked for at their distance, 64 places at a time, in what the
 * compiler makes of vectors on this machine; only where both are is the text compared. Which two
 * makes the difference: the rarest, by a count of the first bytes that come along, so that there
 * is seldom anything to compare. (The filter by two bytes: Wojciech Mula, "SIMD-friendly algorithms
 * for substring searching", 2016; the choice of rare ones: the memchr crate of Rust.)
 */
#include <string.h>

#include "findrobots.h"

#define SAMPLE 4096
#define STRIDE 64

typedef uint8_t lanes __attribute__((vector_size(16)));
typedef uint64_t words __attribute__((vector_size(16)));

static lanes load(const uint8_t *at)
{
    lanes value;
    memcpy(&value, at, sizeof value);
    return value;
}

void search_start(struct search *search, thrum_bytes text)
{
    *search = (struct search){.text = text, .other = text.size - 1};
}

/* The place in the text of its rarest byte, but for the place `taken`. */
static size_t rarest(const thrum_bytes *text, const size_t *counts, size_t taken)
{
    const uint8_t *bytes = text->data;
    size_t best = taken == 0 ? text->size - 1 : 0;
    for (size_t i = 0; i < text->size; i++)
        if (i != taken && counts[bytes[i]] < counts[bytes[best]])
            best = i;
    return best;
}

static void tune(struct search *search, const uint8_t *data, size_t size)
{
    size_t counts[256] = {0};
    for (size_t i = 0; i < size && i < SAMPLE; i++)
        counts[data[i]]++;
    search->one = rarest(&search->text, counts, search->text.size);
    search->other = rarest(&search->text, counts, search->one);
    search->tuned = true;
}

/* Whether both bytes are there for any of the places from data on. */
static bool any_likely(const struct search *search, const uint8_t *data)
{
    const uint8_t *text = search->text.data;
    lanes one = text[search->one] - (lanes){0}, other = text[search->other] - (lanes){0}, found = {0};
    for (size_t i = 0; i < STRIDE; i += sizeof found)
        found |= (lanes)(load(data + search->one + i) == one) & (lanes)(load(data + search->other + i) == other);
    words any = (words)found;
    return (any[0] | any[1]) != 0;
}

const uint8_t *search_next(struct search *search, const uint8_t *data, const uint8_t *end)
{
    const uint8_t *text = search->text.data;
    size_t size = search->text.size;
    if (!search->tuned)
        tune(search, data, (size_t)(end - data));
    for (; (size_t)(end - data) >= STRIDE + size; data += STRIDE) {
        if (!any_likely(search, data))
            continue;
        for (size_t i = 0; i < STRIDE; i++)
            if (data[i + search->one] == text[search->one] && memcmp(data + i, text, size) == 0)
                return data + i;
    }
    return memmem(data, (size_t)(end - data), text, size);
}
