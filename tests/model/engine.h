/*
 * engine.h - what the two halves of the model's machine share: memory (engine.cc), and the seam (seam.cc)
 */
#ifndef TESTS_MODEL_ENGINE_H
#define TESTS_MODEL_ENGINE_H

#include <relacy/relacy.hpp>

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "model.h"
#define _Noreturn
extern "C" {
#include "platform/os.h" /* so that what seam.cc has is what os.h says */
}

extern "C" char __start_model_tls[], __stop_model_tls[];

const long thread_locals_max = 192;

const size_t table_size = 4096, heap_size = 1 << 20, numbers_max = 256, signals_max = 4, bells_max = 4, endings_max = 4,
             pollers_max = 4, stacks_size = size_t(1) << 30, page = 4096;
const unsigned steps_max = 20000;
const size_t piece = 16; /* of the heap */

enum access_kind { plain_read, plain_write, atomic_read, atomic_write, kinds };
const char *const kind_names[] = {"plain read", "plain write", "atomic read", "atomic write"};

/* Eight bytes: when each thread last accessed each of them, and from where in the program. */
struct bytes {
    uintptr_t at;
    unsigned long used_in;
    uint32_t when[kinds][MODEL_THREADS][8];
    void *from[kinds][MODEL_THREADS];
};

/* A word that is accessed atomically. */
struct word {
    uintptr_t at;
    unsigned long used_in;
    rl::atomic_data *data; /* NULL: not at the moment */
    uint64_t values[rl::atomic_history_size];
    uint64_t newest;
};

struct sleeping {
    const void *word;
    rl::thread_id_t thread;
};

struct ending {
    void (*ended)(void *arg);
    void *arg;
};

/* The threads that a scenario leaves over are for os_thread_create and os_helper_create. */
struct made_thread {
    enum { UNUSED, STARTED, ENDED } state;
    bool helper;  /* it ends when all others have, and nobody counts on it */
    void *out[5]; /* where its end is (__builtin_setjmp) */
    void *(*run)(void *arg);
    void *arg;
    rl::thread_id_t waiting; /* who sleeps until it is started or has ended, or -1 */
    rl::sync_var<MODEL_THREADS> order;
};

struct machine {
    const model_scenario *scenario;
    unsigned scenario_index;
    unsigned long run; /* counts all that there ever were, so that the tables need no clearing */
    bool watching;     /* the threads run; else what comes before or after */
    bool telling;      /* the run is told in full */
    model_site *site;  /* of the operation that is made */
    const model_site *weak_site;
    int weak_order;
    char failure[512];

    bytes seen[table_size];
    word words[table_size];
    char heap[heap_size] __attribute__((aligned(64)));
    bool freed[heap_size / piece];
    size_t sizes[heap_size / piece]; /* of what begins there */
    size_t heap_used;
    char *stacks; /* address space for them, of which little is touched */
    size_t stacks_used;
    const void *numbered[numbers_max];
    size_t n_numbered;
    sleeping asleep[MODEL_THREADS];
    size_t n_asleep;
    ending endings[MODEL_THREADS][endings_max];
    made_thread made[MODEL_THREADS];
    void (*handlers[signals_max])(int signo);
    void (*leaving)(void); /* what exit(3) calls */
    bool bells[bells_max];
    int n_bells;
    rl::sync_var<MODEL_THREADS> pollers[pollers_max]; /* who has been rung for comes behind who rings, as by eventfd */
    int n_pollers;
    int living; /* threads of the scenario and made ones that have not ended, helpers aside */
    int64_t now;
    int late, late_turns; /* this thread, after so many turns, lets the others go first for a long while */
};

extern machine m;

/* Where the operation is that is made; a line of the history, where one is collected. */
rl::debug_info place();
void tell(const char *format, ...) __attribute__((__format__(__printf__, 1, 2)));

/* The run has failed, as m.failure says. */
void fail(rl::test_result_e kind) __attribute__((__noreturn__));

/* Another thread may run in a turn, and in all for which there is a `keep`. */
void turn();
struct keep {
    char thread_locals[thread_locals_max];
    model_site *site = m.site;
    keep()
    {
        memcpy(thread_locals, __start_model_tls, size_t(__stop_model_tls - __start_model_tls));
    }
    ~keep()
    {
        memcpy(__start_model_tls, thread_locals, size_t(__stop_model_tls - __start_model_tls));
        m.site = site;
    }
};

void clear_thread_locals();

/* An access, to be looked at for races. */
#define HERE __builtin_return_address(0)
void touch(const void *address, size_t size, access_kind kind, void *from);

uint64_t read_memory(uintptr_t at, size_t size);
void end_word(word &w); /* it is no atomic any more */

#endif
