/*
 * set.c - a set of byte strings
 *
 * The strings lie one behind another in one buffer, each after its size, which is also the
 * form in which a task hands them on. A hash table with open addressing finds them. Its
 * hash is seeded at random, because whoever writes into a log chooses the strings.
 */
#include "findrobots.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

struct set_slot {
    uint64_t hash; /* 0: free */
    size_t offset; /* of the string's size in the records */
};

static uint64_t hash_of(const struct set *set, const uint8_t *data, size_t size)
{
    uint64_t hash = set->seed ^ size;
    while (size > 0) {
        uint64_t word = 0;
        size_t n = size < sizeof word ? size : sizeof word;
        memcpy(&word, data, n);
        /* A multiplication carries low bits up, the shift brings them down again. */
        hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 29;
        data += n;
        size -= n;
    }
    return hash | 1;
}

static uint32_t record_size(const struct set *set, size_t offset)
{
    uint32_t size;
    memcpy(&size, (const uint8_t *)set->records.data + offset, sizeof size);
    return size;
}

/* The string's slot, or the free one where it belongs. There is always a free one. */
static struct set_slot *find_slot(const struct set *set, uint64_t hash, const void *data, size_t size)
{
    for (size_t i = hash >> 1;; i++) {
        struct set_slot *slot = &set->slots[i & (set->n_slots - 1)];
        if (slot->hash == 0)
            return slot;
        if (slot->hash == hash && record_size(set, slot->offset) == size &&
            memcmp((const uint8_t *)set->records.data + slot->offset + sizeof(uint32_t), data, size) == 0)
            return slot;
    }
}

static int grow(struct set *set)
{
    size_t n_slots = set->n_slots == 0 ? 64 : set->n_slots * 2;
    struct set_slot *slots = calloc(n_slots, sizeof *slots);
    if (slots == NULL)
        return -ENOMEM;
    /* Without randomness the set is only easier to slow down. */
    if (set->n_slots == 0 && getrandom(&set->seed, sizeof set->seed, GRND_NONBLOCK) < 0)
        set->seed = (uintptr_t)slots;
    for (size_t old = 0; old < set->n_slots; old++) {
        if (set->slots[old].hash == 0)
            continue;
        size_t i = set->slots[old].hash >> 1;
        while (slots[i & (n_slots - 1)].hash != 0)
            i++;
        slots[i & (n_slots - 1)] = set->slots[old];
    }
    free(set->slots);
    set->slots = slots;
    set->n_slots = n_slots;
    return 0;
}

int set_add(struct set *set, const void *data, size_t size)
{
    if (set->n * 2 >= set->n_slots && grow(set) != 0)
        return -ENOMEM;
    uint64_t hash = hash_of(set, data, size);
    struct set_slot *slot = find_slot(set, hash, data, size);
    if (slot->hash != 0)
        return 0;
    uint32_t written = (uint32_t)size; /* no string is longer than a field can be */
    size_t offset = set->records.size;
    if (thrum_buffer_reserve(&set->records, sizeof written + size) != 0 ||
        thrum_buffer_append(&set->records, &written, sizeof written) != 0 ||
        thrum_buffer_append(&set->records, data, size) != 0)
        return -ENOMEM;
    *slot = (struct set_slot){hash, offset};
    set->n++;
    return 0;
}

int set_add_records(struct set *set, const void *data, size_t size)
{
    const uint8_t *next = data, *end = next + size;
    while (next < end) {
        uint32_t length;
        if ((size_t)(end - next) < sizeof length)
            return -EINVAL;
        memcpy(&length, next, sizeof length);
        next += sizeof length;
        if ((size_t)(end - next) < length)
            return -EINVAL;
        if (set_add(set, next, length) != 0)
            return -ENOMEM;
        next += length;
    }
    return 0;
}

static int compare_bytes(const void *a, const void *b)
{
    const thrum_bytes *x = a, *y = b;
    int order = memcmp(x->data, y->data, x->size < y->size ? x->size : y->size);
    if (order != 0)
        return order;
    return x->size < y->size ? -1 : x->size > y->size;
}

int set_sorted(const struct set *set, thrum_bytes **ret_strings)
{
    thrum_bytes *strings = malloc((set->n + 1) * sizeof *strings);
    if (strings == NULL)
        return -ENOMEM;
    size_t offset = 0;
    for (size_t i = 0; i < set->n; i++) {
        uint32_t size = record_size(set, offset);
        offset += sizeof size;
        strings[i] = (thrum_bytes){(const uint8_t *)set->records.data + offset, size};
        offset += size;
    }
    qsort(strings, set->n, sizeof *strings, compare_bytes);
    *ret_strings = strings;
    return 0;
}

void set_free(struct set *set)
{
    thrum_buffer_free(&set->records);
    free(set->slots);
    *set = (struct set){0};
}
