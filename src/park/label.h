/*
 * label.h - names of locks and the like, for reports
 *
 * A small object has no room for a name, so it carries a number; equal names have equal numbers.
 * A name once given stays for the life of the process: names are written in the program, and few. Numbers far above
 * those of names are used by order.h.
 */
#ifndef PARK_LABEL_H_
#define PARK_LABEL_H_

#include <stdint.h>

#include "thrum/threading.h"

#define LABELS_MAX 4096

struct label_roll {
    uint32_t guard; /* a word lock over the rest */
    uint32_t used;
    const char *names[LABELS_MAX];
};

struct reporter {
    uint32_t guard; /* a word lock over the rest */
    uint32_t reserved;
    void (*report)(void *arg, const char *text); /* NULL: to standard error */
    void *arg;
};

/* The number of a name, which is copied; 0, no name, for NULL or where there is no room for it. */
#define label_of thrum_label_of_
uint32_t label_of(const char *name);

/* The number of the name in these options. 0, or -EINVAL for bad options. */
#define label_from thrum_label_from_
int label_from(const thrum_init_options *options, uint32_t *ret_label);

/* The name, or NULL. */
#define label_name thrum_label_name_
const char *label_name(uint32_t label);

#endif
