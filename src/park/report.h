/*
 * report.h - telling people who waits for what
 *
 * A report is collected under locks, as plain text in place, and sent when they are released.
 */
#ifndef PARK_REPORT_H_
#define PARK_REPORT_H_

#include "park/park.h"

struct report {
    size_t used;
    char text[4096];
};

#define report_begin thrum_report_begin_
#define report_add thrum_report_add_
#define report_wait thrum_report_wait_
#define report_send thrum_report_send_

void report_begin(struct report *report, const char *what);
void report_add(struct report *report, const char *format, ...) THRUM_PRINTF(2, 3);

/* One line: this waits at its site for its lock, which the sleeper of that number holds. */
void report_wait(struct report *report, const struct park_wait *wait, uint32_t holder);

/* To the program's reporter, or to standard error. */
void report_send(const struct report *report);

#endif
