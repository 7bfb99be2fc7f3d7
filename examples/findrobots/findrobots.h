/*
 * findrobots.h - the parts of findrobots, and how they hang together
 *
 *     options    what the command line asks for
 *     files      which files that means
 *     find       the task that thrum runs once for each file. It joins
 *         reader     the file's text, piece by piece, inflated if it is gzip
 *         scan       lines and fields of those pieces
 *         set        the strings found, each once
 *     progress   the bar on the terminal, and every line on stderr
 *     interrupt  Ctrl-C
 *     main       opens the executor, takes in the results, prints
 *
 * No part but main knows how tasks are run.
 */
#ifndef FINDROBOTS_H
#define FINDROBOTS_H

#include <thrum/thrum.h>

#include <isa-l/igzip_lib.h>

/* ---- options.c ---------------------------------------------------------- */

/* What makes a line count, and what is kept of it; fields are numbered from 0. */
struct query {
    size_t where;     /* this field ... */
    thrum_bytes text; /* ... is this text ... */
    size_t print;     /* ... and then this field is printed */
    bool count;       /* count lines, too, and those with too few fields */
};

struct options {
    struct query query;
    const char *executor; /* NULL: thrum decides */
    bool stats;
    char **paths;
    size_t n_paths;
};

enum { STATUS_OK = 0, STATUS_FAILED = 1, STATUS_USAGE = 2 };

/* Read the command line. -1: go on; else the program's exit status, and all is said. */
int options_parse(struct options *options, int argc, char **argv);

/* ---- files.c ------------------------------------------------------------ */

struct file {
    char *path; /* "-": standard input */
    uint64_t size;
    bool sized;   /* a regular file: its size is known */
    size_t order; /* its place among what was asked for */
};

struct files {
    struct file *list; /* largest first, so that the last one to be done is a small one */
    size_t n, capacity;
    uint64_t size; /* of all whose size is known */
    bool sized;    /* it is known of all */
    bool failed;   /* something asked for gave no file; it has been said */
};

/* 0, -ENOMEM. */
int files_collect(struct files *files, char **paths, size_t n);
void files_free(struct files *files);

/* The file's name for people. */
const char *file_name(const struct file *file);

/* ---- reader.c ----------------------------------------------------------- */

enum { READER_INPUT = 64 * 1024, READER_PIECE = 256 * 1024 };

enum reader_phase { READER_PLAIN, READER_HEADER, READER_BODY, READER_BETWEEN, READER_END };

/* One file being read. All its memory is here, whatever the file holds. */
struct reader {
    int fd;
    enum reader_phase phase;
    uint64_t read;   /* bytes of the file so far */
    size_t members;  /* of the gzip file, finished */
    char error[160]; /* what went wrong, without the file's name */
    struct isal_gzip_header header;
    struct inflate_state inflate; /* its next_in and avail_in: what is left in input */
    uint8_t input[READER_INPUT];
    uint8_t piece[READER_PIECE];
};

/* Open a file, or standard input for "-". 0, or -1 and reader->error. */
int reader_open(struct reader *reader, const char *path);

/* The next piece of text, valid until the next call; of size 0 at the end. 0, or -1 and reader->error. */
int reader_next(struct reader *reader, thrum_bytes *ret_piece);

void reader_close(struct reader *reader);

/* ---- set.c -------------------------------------------------------------- */

/* A set of byte strings. All zero is an empty one. */
struct set {
    thrum_buffer records; /* uint32_t size, bytes, and so on, in the order they came */
    struct set_slot *slots;
    size_t n_slots; /* a power of 2, or 0 */
    size_t n;
    uint64_t seed;
};

int set_add(struct set *set, const void *data, size_t size);         /* 0, -ENOMEM */
int set_add_records(struct set *set, const void *data, size_t size); /* 0, -ENOMEM, -EINVAL */
int set_sorted(const struct set *set, thrum_bytes **ret_strings);    /* set->n, to be freed. 0, -ENOMEM */
void set_free(struct set *set);

/* ---- search.c ----------------------------------------------------------- */

/* Where a text is to be found next. */
struct search {
    thrum_bytes text;  /* not empty */
    size_t one, other; /* the places of two of its bytes; the same if it has only one */
    bool tuned;
};

void search_start(struct search *search, thrum_bytes text);
const uint8_t *search_next(struct search *search, const uint8_t *data, const uint8_t *end); /* or NULL */

/* ---- scan.c ------------------------------------------------------------- */

enum { SCAN_LONGEST = 1024 * 1024 }; /* the longest field that can be printed, in bytes */

/* One text being searched, piece by piece. */
struct scan {
    const struct query *query;
    struct search search;
    size_t last; /* the last field that matters */
    /* The line under way. It may have begun in an earlier piece. */
    bool in_line, in_field;
    size_t field; /* the field under way, or the next one */
    size_t equal; /* how far field query->where is as wanted; SIZE_MAX: it differs */
    bool too_long;
    thrum_buffer printed; /* what there is of field query->print */
    /* What has been found. */
    struct set *found;
    uint64_t matches;
    uint64_t lines, short_lines, first_short; /* if query->count; first_short counts from 1 */
};

void scan_start(struct scan *scan, const struct query *query, struct set *found);
int scan_piece(struct scan *scan, thrum_bytes piece); /* 0, -ENOMEM, -E2BIG: a field is too long */
int scan_end(struct scan *scan);                      /* the text is over; likewise */
void scan_free(struct scan *scan);

/* ---- find.c ------------------------------------------------------------- */

/* What there was in a file, or in all. */
struct totals {
    uint64_t read, text; /* bytes of the file, and of its text */
    uint64_t matches;
    uint64_t lines, short_lines, first_short;
};

/* Search one file. In: a job; out: its totals and what was found. */
THRUM_TASK_DECLARE(find_robots, thrum_bytes, thrum_buffer);

int job_new(thrum_bytes *ret_job, const struct query *query, const char *path); /* 0, -ENOMEM */
void job_free(thrum_bytes job);

/* Take a result in. 0, -ENOMEM, -EINVAL. */
int result_read(const thrum_buffer *result, struct totals *ret_totals, struct set *found);

/* ---- progress.c --------------------------------------------------------- */

/* Begin to show how far the files are, if stderr is a terminal. */
void progress_start(const struct files *files);
void progress_stop(void);

/* From a task, in any thread: it has done that much more, and is done or not. */
void progress_of_task(bool done, uint64_t read, uint64_t text);

/* A result is there: a file of that size is done, well or not. */
void progress_of_result(uint64_t size, uint64_t text);

/* Print a line on stderr, "findrobots: ..."; from any thread. */
void say(const char *format, ...) THRUM_PRINTF(1, 2);

/* Print the line that is the last one, without waiting for a reader of stderr that does not read. */
void say_last(const char *text);

/* ---- interrupt.c -------------------------------------------------------- */

/* From now on SIGINT and SIGTERM cancel the token, and the process ends by the same signal
 * within a second. Call it before there is another thread. The token is never freed. 0 or
 * an error of thrum. */
int interrupt_watch(thrum_token *token);

bool interrupt_came(void);

/* After interrupt_came: all has been put away, end the process now. */
_Noreturn void interrupt_end(void);

#endif
