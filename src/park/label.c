/*
 * label.c - names of locks and the like, for reports
 */
#include "park/label.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/options.h"
#include "platform/state.h"

OPTIONS_ARE_DENSE(thrum_init_options, sizeof(size_t) + sizeof(char *));

/* The roll's guard is held. */
static uint32_t find_or_add(struct label_roll *roll, const char *name)
{
    for (uint32_t label = 1; label <= roll->used; label++)
        if (strcmp(roll->names[label - 1], name) == 0)
            return label;
    char *copy = roll->used < LABELS_MAX ? strdup(name) : NULL;
    if (copy == NULL)
        return 0;
    roll->names[roll->used] = copy;
    /* Release: pairs with label_name. */
    os_store_release(&roll->used, roll->used + 1);
    return roll->used;
}

uint32_t label_of(const char *name)
{
    struct label_roll *roll = &os_state()->labels;
    if (name == NULL)
        return 0;
    os_wordlock_acquire(&roll->guard);
    uint32_t label = find_or_add(roll, name);
    os_wordlock_release(&roll->guard);
    return label;
}

int label_from(const thrum_init_options *options, uint32_t *ret_label)
{
    thrum_init_options o;
    if (OPTIONS_READ(&o, options) != 0)
        return -EINVAL;
    *ret_label = label_of(o.name);
    return 0;
}

const char *label_name(uint32_t label)
{
    const struct label_roll *roll = &os_state()->labels;
    /* Acquire: pairs with find_or_add. It also keeps a number that was never given from being followed. */
    return label > 0 && label <= os_load_acquire(&roll->used) ? roll->names[label - 1] : NULL;
}
