/*
 * find.c - the task: search one file
 *
 * What goes in and comes out holds no pointers, so that the task may run in any
 * executor, in this process or not:
 *
 *     job      struct job_head, the wanted text, the path and its NUL
 *     result   struct totals, the records of a set
 *
 * A file that fails adds nothing to the result, not even what was found before the fault.
 */
#include "findrobots.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct job_head {
    uint64_t where, print, count, text_size;
};

int job_new(thrum_bytes *ret_job, const struct query *query, const char *path)
{
    struct job_head head = {query->where, query->print, query->count, query->text.size};
    size_t size = sizeof head + query->text.size + strlen(path) + 1;
    uint8_t *data = malloc(size);
    if (data == NULL)
        return -ENOMEM;
    memcpy(data, &head, sizeof head);
    memcpy(data + sizeof head, query->text.data, query->text.size);
    strcpy((char *)data + sizeof head + query->text.size, path);
    *ret_job = (thrum_bytes){data, size};
    return 0;
}

void job_free(thrum_bytes job)
{
    free((void *)(uintptr_t)job.data); /* a thrum_bytes is read-only, but this one is from malloc */
}

static const char *job_read(const thrum_bytes *job, struct query *query)
{
    struct job_head head;
    memcpy(&head, job->data, sizeof head);
    const char *text = (const char *)job->data + sizeof head;
    query->where = head.where;
    query->print = head.print;
    query->count = head.count != 0;
    query->text = (thrum_bytes){text, head.text_size};
    return text + head.text_size;
}

int result_read(const thrum_buffer *result, struct totals *ret_totals, struct set *found)
{
    if (result->size < sizeof *ret_totals)
        return -EINVAL;
    memcpy(ret_totals, result->data, sizeof *ret_totals);
    return set_add_records(found, (const uint8_t *)result->data + sizeof *ret_totals,
                           result->size - sizeof *ret_totals);
}

static int result_write(thrum_buffer *result, const struct totals *totals, const struct set *found)
{
    int error = thrum_buffer_reserve(result, sizeof *totals + found->records.size);
    if (error == 0)
        error = thrum_buffer_append(result, totals, sizeof *totals);
    if (error == 0 && found->n > 0)
        error = thrum_buffer_append(result, found->records.data, found->records.size);
    return error;
}

static int fail_scan(int error, const struct query *query)
{
    if (error == -E2BIG)
        return thrum_fail(E2BIG, "a line that counts has a field %zu of more than %d bytes", query->print,
                          SCAN_LONGEST);
    return thrum_fail(ENOMEM, "%s", strerror(-error));
}

/* Bring the open file through the scanner. 0 or what thrum_fail returned. */
static int search(struct reader *reader, struct scan *scan, struct totals *totals)
{
    for (;;) {
        if (thrum_cancelled())
            return thrum_fail(ECANCELED, "called off");
        thrum_bytes piece;
        uint64_t before = reader->read;
        if (reader_next(reader, &piece) != 0)
            return thrum_fail(EIO, "%s", reader->error);
        progress_of_task(false, reader->read - before, piece.size);
        totals->text += piece.size;
        int error = piece.size > 0 ? scan_piece(scan, piece) : scan_end(scan);
        if (error != 0)
            return fail_scan(error, scan->query);
        if (piece.size == 0)
            return 0;
    }
}

static int find_in_file(struct reader *reader, const struct query *query, thrum_buffer *result)
{
    struct set found = {0};
    struct scan scan;
    struct totals totals = {0};
    scan_start(&scan, query, &found);
    int code = search(reader, &scan, &totals);
    if (code == 0) {
        totals.read = reader->read;
        totals.matches = scan.matches;
        totals.lines = scan.lines;
        totals.short_lines = scan.short_lines;
        totals.first_short = scan.first_short;
        if (result_write(result, &totals, &found) != 0) {
            thrum_buffer_free(result);
            code = thrum_fail(ENOMEM, "%s", strerror(ENOMEM));
        }
    }
    scan_free(&scan);
    set_free(&found);
    return code;
}

static int find_robots(const thrum_bytes *job, thrum_buffer *result)
{
    struct query query;
    const char *path = job_read(job, &query);
    /* malloc keeps the half megabyte of the last file at hand: its pages are touched once a thread. */
    struct reader *reader = malloc(sizeof *reader);
    if (reader == NULL)
        return thrum_fail(ENOMEM, "%s", strerror(ENOMEM));
    int code;
    if (reader_open(reader, path) == 0) {
        progress_of_task(false, reader->read, 0);
        code = find_in_file(reader, &query, result);
        reader_close(reader);
    } else {
        code = thrum_fail(EIO, "%s", reader->error);
    }
    free(reader);
    progress_of_task(true, 0, 0);
    return code;
}
THRUM_TASK(find_robots, thrum_bytes, thrum_buffer, THRUM_PORTABLE);
