/*
 * sites.h - included before all else in what the model checks: atomic operations say where they are
 *
 * Each of the compiler's operations leaves a record of its place, which model_at makes the current one. Memory
 * is the model's own. And thread-locals lie together in a section, since all threads of the model run on one
 * of the system's: engine.cc exchanges what is there when it changes threads.
 */
#ifndef TESTS_MODEL_SITES_H
#define TESTS_MODEL_SITES_H

#include <stdbool.h>
#include <stddef.h>

#define MODEL_SCENARIOS 128 /* there may be */

#ifdef __cplusplus
extern "C" {
#endif

/* A place in the sources where an atomic operation is made; sites.h. */
struct model_site {
    const char *file, *function;
    int line;
    const char *operation;
    int order;                     /* __ATOMIC_... */
    const char *unit;              /* the file that is compiled, where `file` may be a header */
    int nth;                       /* counts up in the unit */
    struct model_site *same;       /* the first of those that stand for this one place */
    unsigned number;               /* of those in the function with the same operation and order, from 1 */
    bool reached[MODEL_SCENARIOS]; /* by this scenario */
};

void model_at(struct model_site *site);

/* The heap: each piece is at a new place, and to touch one that was freed is an error. */
void *model_malloc(size_t size);
void *model_calloc(size_t n, size_t size);
void *model_aligned_alloc(size_t alignment, size_t size);
void *model_realloc(void *memory, size_t size);
char *model_strdup(const char *text);
void model_free(void *memory);

/* These are calls of libc's, which is not watched. */
void *model_memcpy(void *to, const void *from, size_t size);
void *model_memset(void *to, int value, size_t size);
int model_snprintf(char *to, size_t size, const char *format, ...);

#ifdef __cplusplus
}
#else
#define __thread __attribute__((__section__("model_tls")))
#define __tls_model__(model) __unused__

#define malloc model_malloc
#define calloc model_calloc
#define aligned_alloc model_aligned_alloc
#define realloc model_realloc
#define strdup model_strdup
#define free model_free
#define memcpy model_memcpy
#define memset model_memset
#define snprintf model_snprintf

/* Operands first: there may be other operations in them. */
#define MODEL_AT(operation, p, operands, order, call)                                                           \
    __extension__({                                                                                             \
        static struct model_site site_ = {__FILE__,      __func__,    __LINE__, operation, order,               \
                                          __BASE_FILE__, __COUNTER__, NULL,     0,         {false}};            \
        static struct model_site *const listed_ __attribute__((__section__("model_sites"), __used__)) = &site_; \
        __typeof__(p) p_ = (p);                                                                                 \
        operands;                                                                                               \
        model_at(&site_);                                                                                       \
        call;                                                                                                   \
    })
#define MODEL_VALUE(p, value) __typeof__(*(p)) value_ = (value)

#define __atomic_load_n(p, order) MODEL_AT("load", p, (void)0, order, __atomic_load_n(p_, order))
#define __atomic_store_n(p, value, order) \
    MODEL_AT("store", p, MODEL_VALUE(p, value), order, __atomic_store_n(p_, value_, order))
#define __atomic_exchange_n(p, value, order) \
    MODEL_AT("exchange", p, MODEL_VALUE(p, value), order, __atomic_exchange_n(p_, value_, order))
#define __atomic_fetch_add(p, value, order) \
    MODEL_AT("add", p, MODEL_VALUE(p, value), order, __atomic_fetch_add(p_, value_, order))
#define __atomic_fetch_sub(p, value, order) \
    MODEL_AT("sub", p, MODEL_VALUE(p, value), order, __atomic_fetch_sub(p_, value_, order))
#define __atomic_fetch_or(p, value, order) \
    MODEL_AT("or", p, MODEL_VALUE(p, value), order, __atomic_fetch_or(p_, value_, order))
#define __atomic_compare_exchange_n(p, expected, value, weak, order, failed) \
    MODEL_AT("cas", p, MODEL_VALUE(p, value), order,                         \
             __atomic_compare_exchange_n(p_, expected, value_, weak, order, failed))
#endif
#endif
