/*
 * makelogs - a set of gzip access logs to try findrobots on
 *
 *     makelogs DIR [FILES=16] [MB=200]
 *
 * writes FILES logs with MB million bytes of text in all, one day of a made-up web server each,
 * in parallel. The text is the same on every machine, and so are the files where zlib is of the
 * same version; it compresses at the level that log rotation uses.
 *
 * A set that is complete is left as it is. It is complete when the stamp beside it says that
 * it was made with the same numbers, and the files have the size that it gives. A file gets
 * its name only when it is whole, and the stamp comes last, so an interrupted run is made good
 * by the next one.
 */
#include "weblog.h"

#include <thrum/thrum.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum { MAX_FILES = 10000, MAX_MB = 1000000, LEVEL = 6, VERSION = 1, CHUNK = 64 * 1024 };

struct set {
    const char *directory;
    unsigned files, mb;
};

typedef struct one_day {
    const struct set *set;
    unsigned number;
    uint64_t size; /* of text, more or less a line */
} one_day;

static void path_of(const struct set *set, unsigned day, const char *suffix, char path[4096])
{
    char date[16];
    weblog_date(day, date);
    snprintf(path, 4096, "%s/access-%s.log.gz%s", set->directory, date, suffix);
}

/* ---- One file ----------------------------------------------------------- */

static bool write_lines(gzFile file, const one_day *day)
{
    static const unsigned seconds = 86400;
    struct weblog log;
    weblog_start(&log, day->number);
    char chunk[CHUNK];
    size_t n = 0;
    for (uint64_t written = 0; written < day->size;) {
        size_t length = weblog_line(&log, (unsigned)(written * seconds / day->size), chunk + n);
        n += length;
        written += length;
        if (n > sizeof chunk - WEBLOG_LINE || written >= day->size) {
            if (gzwrite(file, chunk, (unsigned)n) != (int)n)
                return false;
            n = 0;
        }
    }
    return true;
}

static int make_day(const one_day *day, uint64_t *ret_size)
{
    char path[4096], unfinished[4096];
    path_of(day->set, day->number, "", path);
    path_of(day->set, day->number, ".tmp", unfinished);
    errno = 0;
    gzFile file = gzopen(unfinished, "wb");
    if (file == NULL)
        return thrum_fail(1, "%s", strerror(errno));
    bool good = gzsetparams(file, LEVEL, Z_DEFAULT_STRATEGY) == Z_OK && write_lines(file, day);
    good = gzclose(file) == Z_OK && good;
    struct stat status;
    if (!good || rename(unfinished, path) != 0 || stat(path, &status) != 0) {
        int error = errno;
        unlink(unfinished);
        return thrum_fail(1, "%s", error != 0 ? strerror(error) : "cannot be written");
    }
    *ret_size = (uint64_t)status.st_size;
    return 0;
}
THRUM_TASK(make_day, one_day, uint64_t);

/* ---- The stamp ---------------------------------------------------------- */

static void stamp_text(const struct set *set, uint64_t bytes, char text[160])
{
    snprintf(text, 160, "makelogs %d: %u files, %u MB of text, %llu bytes\n", VERSION, set->files, set->mb,
             (unsigned long long)bytes);
}

static void stamp_path(const struct set *set, char path[4096])
{
    snprintf(path, 4096, "%s/.makelogs", set->directory);
}

static bool is_complete(const struct set *set)
{
    uint64_t bytes = 0;
    char path[4096], wanted[160], found[160] = "";
    for (unsigned day = 0; day < set->files; day++) {
        struct stat status;
        path_of(set, day, "", path);
        if (stat(path, &status) != 0)
            return false;
        bytes += (uint64_t)status.st_size;
    }
    stamp_path(set, path);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return false;
    stamp_text(set, bytes, wanted);
    bool same = fgets(found, sizeof found, file) != NULL && strcmp(found, wanted) == 0;
    fclose(file);
    return same;
}

static bool write_stamp(const struct set *set, uint64_t bytes)
{
    char path[4096], text[160];
    stamp_path(set, path);
    stamp_text(set, bytes, text);
    FILE *file = fopen(path, "w");
    if (file == NULL)
        return false;
    bool good = fputs(text, file) >= 0;
    return fclose(file) == 0 && good;
}

/* Files of a larger set that was here before would be taken for part of this one. */
static void remove_old(const struct set *set)
{
    char path[4096];
    stamp_path(set, path);
    unlink(path);
    for (unsigned day = set->files; day < MAX_FILES; day++) {
        path_of(set, day, "", path);
        unlink(path);
    }
}

/* ---- The program -------------------------------------------------------- */

static void show_progress(size_t done, size_t total, void *unused)
{
    (void)unused;
    fprintf(stderr, "\rmakelogs: %zu/%zu files%s", done, total, done == total ? "\r\033[K" : "");
}

/* Make all files. 0, or 1 when it has been said what is wrong. */
static int make_set(const struct set *set, thrum_executor *executor)
{
    one_day *days = calloc(set->files, sizeof *days);
    uint64_t *sizes = calloc(set->files, sizeof *sizes);
    thrum_error error = {0};
    int result = days == NULL || sizes == NULL ? -ENOMEM : 0;
    uint64_t bytes = 0, text = (uint64_t)set->mb * 1000000;
    for (unsigned i = 0; i < set->files && result == 0; i++)
        days[i] = (one_day){set, i, text / set->files};
    if (result == 0)
        result = thrum_map(executor, make_day, days, sizes, set->files, .error = &error,
                           .progress = isatty(STDERR_FILENO) ? show_progress : NULL);
    for (unsigned i = 0; i < set->files && result == 0; i++)
        bytes += sizes[i];
    if (result != 0 && isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
    if (result == THRUM_FAILED) {
        char path[4096];
        path_of(set, (unsigned)error.index, "", path);
        fprintf(stderr, "makelogs: %s: %s\n", path, error.message);
    } else if (result != 0) {
        fprintf(stderr, "makelogs: %s\n", thrum_strerror(result));
    } else if (!write_stamp(set, bytes)) {
        fprintf(stderr, "makelogs: %s/.makelogs: %s\n", set->directory, strerror(errno));
        result = -EIO;
    } else {
        printf("makelogs: %s: %u files, %u MB of text, %.1f MB of gzip\n", set->directory, set->files, set->mb,
               (double)bytes / 1e6);
    }
    free(days);
    free(sizes);
    return result != 0;
}

static bool parse(const char *text, unsigned max, unsigned *ret_number)
{
    char *end;
    unsigned long number = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || number < 1 || number > max)
        return false;
    *ret_number = (unsigned)number;
    return true;
}

int main(int argc, char **argv)
{
    struct set set = {.files = 16, .mb = 200};
    if (argc < 2 || argc > 4 || argv[1][0] == '-' || (argc > 2 && !parse(argv[2], MAX_FILES, &set.files)) ||
        (argc > 3 && !parse(argv[3], MAX_MB, &set.mb))) {
        fprintf(stderr, "Usage: makelogs DIR [FILES=16] [MB=200]\n");
        return 2;
    }
    set.directory = argv[1];
    if (strlen(set.directory) > 4000 || (mkdir(set.directory, 0777) != 0 && errno != EEXIST)) {
        fprintf(stderr, "makelogs: %s: %s\n", set.directory, strerror(errno == 0 ? ENAMETOOLONG : errno));
        return 1;
    }
    if (is_complete(&set)) {
        printf("makelogs: %s: complete already\n", set.directory);
        return 0;
    }
    remove_old(&set);
    thrum_executor *executor;
    int result = thrum_executor_open(&executor, NULL);
    if (result != 0) {
        fprintf(stderr, "makelogs: %s\n", thrum_strerror(result));
        return 1;
    }
    int status = make_set(&set, executor);
    (void)thrum_executor_close(executor);
    return status;
}
