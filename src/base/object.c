/*
 * object.c - the table of the objects that are alive, in debug builds
 *
 * Linear probing. Who dies leaves a mark behind, for those that were put further on because of it; the marks
 * go when the map is laid out anew, which is when half of it is taken. A map is changed for another by one
 * store, so that a forked child finds one or the other.
 */
#include "base/object.h"

#ifdef THRUM_CHECKED

#include "platform/state.h"

#define FIRST_SLOTS 256

struct entry {
    const void *object;    /* NULL: never used */
    enum object_kind kind; /* 0: it has died */
};

struct object_map {
    size_t slots; /* a power of two */
    size_t used;  /* also those left behind by the dead */
    struct entry entries[];
};

static struct object_table *lock_table(void)
{
    struct object_table *table = &os_state()->objects;
    os_wordlock_acquire(&table->guard);
    return table;
}

static void unlock_table(struct object_table *table)
{
    os_wordlock_release(&table->guard);
}

/* Where it is alive, or else the empty slot where the search for it ends. */
static struct entry *find(struct object_map *map, const void *object)
{
    size_t at = (size_t)((os_number(object) >> 4) * UINT64_C(0x9E3779B97F4A7C15) >> 32);
    for (;; at++) {
        struct entry *entry = &map->entries[at & (map->slots - 1)];
        if (entry->object == NULL || (entry->object == object && entry->kind != 0))
            return entry;
    }
}

static void put(struct object_map *map, struct entry entry)
{
    *find(map, entry.object) = entry;
    map->used++;
}

static size_t count_alive(const struct object_map *map)
{
    size_t alive = 0;
    for (size_t i = 0; map != NULL && i < map->slots; i++)
        alive += map->entries[i].kind != 0;
    return alive;
}

/* A map with room for one more; NULL: there is no memory. */
static struct object_map *roomy(struct object_table *table)
{
    struct object_map *old = table->map;
    if (old != NULL && old->used < old->slots / 2)
        return old;
    size_t slots = FIRST_SLOTS, alive = count_alive(old);
    while (slots / 4 < alive)
        slots *= 2;
    struct object_map *map = calloc(1, sizeof *map + slots * sizeof *map->entries);
    if (map == NULL)
        return NULL;
    map->slots = slots;
    for (size_t i = 0; old != NULL && i < old->slots; i++)
        if (old->entries[i].kind != 0)
            put(map, old->entries[i]);
    table->map = map;
    free(old);
    return map;
}

bool object_born(const void *object, enum object_kind kind)
{
    struct object_table *table = lock_table();
    struct object_map *map = roomy(table);
    if (map != NULL)
        put(map, (struct entry){object, kind});
    unlock_table(table);
    return map != NULL;
}

void object_dies(const void *object)
{
    struct object_table *table = lock_table();
    if (object != NULL && table->map != NULL)
        find(table->map, object)->kind = 0;
    unlock_table(table);
}

bool object_is(const void *object, enum object_kind kind)
{
    struct object_table *table = lock_table();
    bool is = object != NULL && table->map != NULL && find(table->map, object)->kind == kind;
    unlock_table(table);
    return is;
}

#endif
