/*
 * weblog.h - lines of a made-up web server's access log
 */
#ifndef WEBLOG_H
#define WEBLOG_H

#include <stddef.h>
#include <stdint.h>

enum { WEBLOG_LINE = 1024, WEBLOG_VISITORS = 128 };

struct weblog_visitor {
    uint32_t host, agent, page;
    unsigned requests; /* left before somebody else comes */
    unsigned images;   /* left of the page that is being shown */
    int bot, first;
};

/* One day of the server. */
struct weblog {
    uint64_t random;
    unsigned day; /* 0 is the first of January 2025 */
    struct weblog_visitor visitors[WEBLOG_VISITORS];
};

void weblog_start(struct weblog *log, unsigned day);

/* Write the next line, its \n at the end, at that second of the day. Its length. */
size_t weblog_line(struct weblog *log, unsigned second, char line[WEBLOG_LINE]);

/* "20250101" */
void weblog_date(unsigned day, char text[16]);

#endif
