/*
 * progress.c - the progress bar, and the lines beside it
 *
 * The bar stands on stderr if that is a terminal. A thread draws it at most ten times a second,
 * so that it moves while one large file is read, whatever executor does that. Tasks tell how
 * far they are by adding to counters. A task that runs in another process adds to counters
 * of that process; so what comes back as results is counted too, and the larger number is
 * shown.
 *
 * Invariant: whoever writes to stderr holds bar.lock, and takes the bar away first.
 */
#include "findrobots.h"

#include <inttypes.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define INTERVAL (INT64_C(100000000)) /* ns between two bars */
#define ERASE "\r\033[K"

struct counts {
    _Atomic uint64_t files, read, text;
};

static struct {
    thrum_lock lock;
    bool shown;
    size_t n_files;
    uint64_t size;
    bool sized;
    struct counts tasks, results;
    int64_t start;
    thrum_event stop;
    thrum_thread *thread;
} bar = {.lock = THRUM_LOCK_INIT, .stop = THRUM_EVENT_INIT};

static void write_stderr(const char *text, size_t size)
{
    while (size > 0) {
        ssize_t n = write(STDERR_FILENO, text, size);
        if (n <= 0)
            return; /* nowhere to say so */
        text += n;
        size -= (size_t)n;
    }
}

/* ---- The bar ------------------------------------------------------------ */

static size_t terminal_width(void)
{
    struct winsize window;
    bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 0;
    return known ? window.ws_col : 80;
}

static uint64_t larger(_Atomic uint64_t *a, _Atomic uint64_t *b)
{
    uint64_t x = atomic_load_explicit(a, memory_order_relaxed), y = atomic_load_explicit(b, memory_order_relaxed);
    return x > y ? x : y;
}

/* "7/16 files  43%  1450 MB/s  0:12 left"; without the size of all, how much text there was. */
static size_t format_facts(char *facts, size_t size, uint64_t read)
{
    uint64_t files = larger(&bar.tasks.files, &bar.results.files);
    double text = (double)larger(&bar.tasks.text, &bar.results.text) / 1e6;
    double seconds = (double)(thrum_monotonic_ns() - bar.start + 1) / 1e9; /* never 0 */
    int n = snprintf(facts, size, "%" PRIu64 "/%zu files", files, bar.n_files);
    if (!bar.sized)
        n += snprintf(facts + n, size - (size_t)n, "  %.0f MB  %.0f MB/s", text, text / seconds);
    else if (read > 0) {
        unsigned long left = (unsigned long)(seconds * (double)(bar.size - read) / (double)read + 0.5);
        n += snprintf(facts + n, size - (size_t)n, "  %.0f%%  %.0f MB/s  %lu:%02lu left",
                      100.0 * (double)read / (double)bar.size, text / seconds, left / 60, left % 60);
    }
    return (size_t)n;
}

/* One column stays free: a terminal may wrap when its last one is written. */
static void draw(void)
{
    uint64_t read = larger(&bar.tasks.read, &bar.results.read);
    read = read < bar.size ? read : bar.size; /* a file may have grown */
    size_t width = terminal_width() - 1;
    char facts[160], line[320];
    size_t n_facts = format_facts(facts, sizeof facts, read);
    size_t n = (size_t)snprintf(line, sizeof line, ERASE), begin = n;
    if (bar.sized && n_facts + 14 <= width) {
        size_t cells = width - n_facts - 4 < 40 ? width - n_facts - 4 : 40;
        size_t full = (size_t)((double)cells * (double)read / (double)bar.size);
        line[n++] = '[';
        memset(line + n, '#', full);
        memset(line + n + full, '-', cells - full);
        n += cells;
        n += (size_t)snprintf(line + n, sizeof line - n, "]  ");
    }
    n += (size_t)snprintf(line + n, sizeof line - n, "%s", facts);
    write_stderr(line, n - begin < width ? n : begin + width);
    bar.shown = true;
}

static int run_bar(void *unused)
{
    (void)unused;
    int result;
    do {
        result = thrum_lock_acquire(&bar.lock, THRUM_FOREVER);
        if (result != 0)
            return result;
        draw();
        thrum_lock_release(&bar.lock);
    } while (thrum_event_wait(&bar.stop, thrum_until(thrum_monotonic_ns() + INTERVAL)) == THRUM_TIMEOUT);
    return 0;
}

void progress_start(const struct files *files)
{
    bar.n_files = files->n;
    bar.size = files->size;
    bar.sized = files->sized && files->size > 0;
    bar.start = thrum_monotonic_ns();
    const char *terminal = getenv("TERM");
    if (!isatty(STDERR_FILENO) || terminal == NULL || strcmp(terminal, "dumb") == 0)
        return;
    if (thrum_thread_run(&bar.thread, run_bar, NULL, .name = "progress") != 0)
        bar.thread = NULL; /* then without a bar */
}

void progress_stop(void)
{
    if (bar.thread == NULL)
        return;
    thrum_event_set(&bar.stop);
    (void)thrum_thread_join(bar.thread, NULL, THRUM_FOREVER);
    thrum_thread_free(bar.thread);
    bar.thread = NULL;
    if (thrum_lock_acquire(&bar.lock, THRUM_FOREVER) != 0)
        return;
    if (bar.shown)
        write_stderr(ERASE, strlen(ERASE));
    bar.shown = false;
    thrum_lock_release(&bar.lock);
}

static void add(struct counts *counts, uint64_t files, uint64_t read, uint64_t text)
{
    atomic_fetch_add_explicit(&counts->files, files, memory_order_relaxed);
    atomic_fetch_add_explicit(&counts->read, read, memory_order_relaxed);
    atomic_fetch_add_explicit(&counts->text, text, memory_order_relaxed);
}

void progress_of_task(bool done, uint64_t read, uint64_t text)
{
    add(&bar.tasks, done, read, text);
}

void progress_of_result(uint64_t size, uint64_t text)
{
    add(&bar.results, 1, size, text);
}

/* ---- Lines -------------------------------------------------------------- */

/* The name of a file may hold anything: a line stays one line, and moves no cursor. */
static void make_harmless(char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
            text[i] = '?';
}

/* In one write, so that nobody else's output comes in between. */
static void write_line(char *line, size_t begin, int length, size_t room)
{
    size_t n = length < 0 ? 0 : (size_t)length < room ? (size_t)length : room - 1;
    make_harmless(line + begin, n);
    line[begin + n] = '\n';
    size_t skip = bar.shown ? 0 : strlen(ERASE);
    write_stderr(line + skip, begin + n + 1 - skip);
    bar.shown = false;
}

void say(const char *format, ...)
{
    char line[8192] = ERASE "findrobots: ";
    size_t begin = strlen(line), room = sizeof line - begin;
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line + begin, room, format, arguments);
    va_end(arguments);
    bool locked = thrum_lock_acquire(&bar.lock, THRUM_FOREVER) == 0;
    write_line(line, begin, length, room);
    if (locked)
        thrum_lock_release(&bar.lock);
}

void say_last(const char *text)
{
    char line[256] = ERASE "findrobots: ";
    size_t begin = strlen(line), room = sizeof line - begin;
    int length = snprintf(line + begin, room, "%s", text);
    /* The lock is not given back: nobody draws over this. */
    int result = thrum_lock_acquire(&bar.lock, thrum_seconds(0.1));
    struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (result == 0 && poll(&out, 1, 0) == 1 && (out.revents & POLLOUT) != 0)
        write_line(line, begin, length, room);
}
