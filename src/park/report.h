/*
 * report.h - telling people who waits for what
 *
 * What is to be told is copied under the locks that keep it there, and put into words when they are
 * released: to find the name of a place in the program takes a lock of the loader's, whose holder may
 * be about to wait itself.
 */
#ifndef PARK_REPORT_H_
#define PARK_REPORT_H_

#include "park/park.h"

/* What is known of a thread, and of what it waits for. */
struct seen_thread {
    char name[SLEEPER_NAME];
    uint64_t native_id; /* 0: nothing is known of it */
    bool hosted;        /* it takes turns on the thread of that id, */
    bool can_run;       /* and it is not its turn */
    bool ended;
};

struct seen_wait {
    struct seen_thread waiter, holder;
    bool held; /* there is a holder */
    bool cancellable;
    const void *key, *site;
    const char *what;
    char name[SLEEPER_NAME]; /* of that; "": none */
    int64_t since, deadline;
};

/* Text that grows; as much of it as there is memory for. */
struct report {
    size_t used, room;
    char *text; /* first, or from malloc */
    char first[1024];
};

#define report_begin thrum_report_begin_
#define report_add thrum_report_add_
#define report_lock_name thrum_report_lock_name_
#define report_thread thrum_report_thread_
#define report_object thrum_report_object_
#define report_site thrum_report_site_
#define report_wait thrum_report_wait_
#define report_end thrum_report_end_
#define report_send thrum_report_send_
#define see_thread thrum_see_thread_
#define see_wait thrum_see_wait_

/* Copy what is known of the sleeper of that number: false, nothing; and of a wait, whose bucket's lock
 * is held, with the number of who holds what it waits for, or 0. */
bool see_thread(struct seen_thread *seen, uint32_t owner);
void see_wait(struct seen_wait *seen, const struct park_wait *wait, uint32_t holder);

void report_begin(struct report *report, const char *what); /* NULL: without a head */
void report_add(struct report *report, const char *format, ...) THRUM_PRINTF(2, 3);

/* The name of a lock, or NULL. */
const char *report_lock_name(const thrum_lock *lock);

/* Parts of a line: thread 'name' (id); lock 'name' (address), where name may be NULL or "";
 * a place in the program, or nothing for NULL. */
void report_thread(struct report *report, const struct seen_thread *thread);
void report_object(struct report *report, const char *what, const char *name, const void *address);
void report_site(struct report *report, const void *site);

/* This thread waits at its site for that, which that one holds. */
void report_wait(struct report *report, const struct seen_wait *wait);

/* Give its memory back; or send it first, to the program's reporter or to standard error. */
void report_end(struct report *report);
void report_send(struct report *report);

#endif
