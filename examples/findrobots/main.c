/*
 * findrobots - which hosts asked for /robots.txt? Seed list: Row E2
 *
 * A web server's access logs are searched in parallel: one task a file, run by thrum on
 * whatever executor the user chooses, `--executor serial` to see the difference. The
 * results are taken in as they come, and printed when all are there.
 *
 *     findrobots /var/log/apache2
 *     findrobots --where 5=idVendor: --print 6 /var/log/syslog.*.gz
 */
#include "findrobots.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct results {
    struct set found;
    struct totals totals;
    size_t files, short_files;
    const struct file *first_short; /* of the files with short lines, the one that was named first */
    uint64_t first_short_line;
    bool failed;
};

/* Open the executor. 0, or the exit status. */
static int open_executor(thrum_executor **ret_executor, const char *spec)
{
    thrum_error error = {0};
    int result = thrum_executor_open(ret_executor, spec, .error = &error);
    if (result == 0)
        return 0;
    const char *name = spec != NULL ? "--executor" : "THRUM_EXECUTOR";
    say("%s: %s", name, error.message[0] != '\0' ? error.message : thrum_strerror(result));
    return result == -EINVAL || result == -ENOENT ? STATUS_USAGE : STATUS_FAILED;
}

static void add_result(struct results *results, const struct file *file, const struct totals *totals)
{
    struct totals *all = &results->totals;
    results->files++;
    all->text += totals->text;
    all->matches += totals->matches;
    all->lines += totals->lines;
    all->short_lines += totals->short_lines;
    if (totals->short_lines == 0)
        return;
    results->short_files++;
    if (results->first_short == NULL || file->order < results->first_short->order) {
        results->first_short = file;
        results->first_short_line = totals->first_short;
    }
}

/* What the task of one file came to. */
static void take_result(struct results *results, const struct file *file, int result, const thrum_buffer *output,
                        const thrum_error *error)
{
    struct totals totals = {0};
    if (result == 0)
        result = result_read(output, &totals, &results->found);
    if (result == 0) {
        add_result(results, file, &totals);
    } else {
        bool told = result == THRUM_FAILED && error->message[0] != '\0';
        say("%s: %s", file_name(file), told ? error->message : thrum_strerror(result));
        results->failed = true;
    }
    progress_of_result(file->size, totals.text);
}

/* Run the task on all files, and take in the results as they come. */
static int search_files(thrum_executor *executor, thrum_token *token, const struct files *files,
                        const thrum_bytes *jobs, struct results *results)
{
    thrum_map_iterator *iterator;
    int result = thrum_imap(executor, find_robots, jobs, files->n, &iterator, .token = token, .unordered = true);
    if (result != 0)
        return result;
    for (;;) {
        size_t index = SIZE_MAX;
        thrum_buffer output = {0};
        thrum_error error = {0};
        result = thrum_map_iterator_next(iterator, &index, &output, &error, THRUM_FOREVER);
        if (interrupt_came() || result < 0 || result == THRUM_STOP_ITERATION) {
            thrum_buffer_free(&output);
            break;
        }
        take_result(results, &files->list[index], result, &output, &error);
        thrum_buffer_free(&output);
    }
    thrum_map_iterator_free(iterator);
    return result < 0 ? result : 0;
}

/* The jobs of all files are made at once; they are small. */
static int search(const struct options *options, thrum_executor *executor, thrum_token *token,
                  const struct files *files, struct results *results)
{
    thrum_bytes *jobs = calloc(files->n + 1, sizeof *jobs);
    int result = jobs == NULL ? -ENOMEM : 0;
    for (size_t i = 0; i < files->n && result == 0; i++)
        result = job_new(&jobs[i], &options->query, files->list[i].path);
    if (result == 0 && files->n > 0) {
        progress_start(files);
        result = search_files(executor, token, files, jobs, results);
        progress_stop();
    }
    for (size_t i = 0; jobs != NULL && i < files->n; i++)
        job_free(jobs[i]);
    free(jobs);
    return result;
}

static bool print_found(const struct set *found)
{
    thrum_bytes *strings;
    if (set_sorted(found, &strings) != 0) {
        say("%s", strerror(ENOMEM));
        return false;
    }
    bool good = true;
    for (size_t i = 0; i < found->n && good; i++)
        good = fwrite(strings[i].data, 1, strings[i].size, stdout) == strings[i].size && putchar('\n') != EOF;
    good = good && fflush(stdout) == 0;
    if (!good)
        say("standard output: %s", strerror(errno));
    free(strings);
    return good;
}

static void print_stats(const struct results *results, const struct query *query, const thrum_executor *executor,
                        int64_t start)
{
    const struct totals *all = &results->totals;
    double seconds = (double)(thrum_monotonic_ns() - start) / 1e9;
    say("%zu %s, %" PRIu64 " bytes of text, %" PRIu64 " lines, %" PRIu64 " matches, %.3f s, %.0f MB/s, %s, %zu %s",
        results->files, results->files == 1 ? "file" : "files", all->text, all->lines, all->matches, seconds,
        (double)all->text / 1e6 / seconds, thrum_executor_name(executor), thrum_executor_workers(executor),
        thrum_executor_workers(executor) == 1 ? "worker" : "workers");
    size_t needed = (query->where > query->print ? query->where : query->print) + 1;
    if (all->short_lines > 0)
        say("lines with fewer than %zu fields: %" PRIu64 ", in %zu of the files; the first is line %" PRIu64 " of %s",
            needed, all->short_lines, results->short_files, results->first_short_line, file_name(results->first_short));
}

static int run(const struct options *options, thrum_executor *executor, thrum_token *token)
{
    int64_t start = thrum_monotonic_ns();
    struct files files;
    struct results results = {0};
    int result = files_collect(&files, options->paths, options->n_paths);
    if (result == 0)
        result = search(options, executor, token, &files, &results);
    bool good = result == 0 && !files.failed && !results.failed;
    if (result != 0)
        say("%s", thrum_strerror(result));
    else if (!interrupt_came()) {
        good = print_found(&results.found) && good;
        if (options->stats)
            print_stats(&results, &options->query, executor, start);
    }
    set_free(&results.found);
    files_free(&files);
    return good ? STATUS_OK : STATUS_FAILED;
}

int main(int argc, char **argv)
{
    struct options options;
    int status = options_parse(&options, argc, argv);
    if (status >= 0)
        return status;
    signal(SIGPIPE, SIG_IGN); /* a reader that has gone is an error like a full disk */
    thrum_token *token;
    int result = thrum_token_new(&token);
    if (result == 0)
        result = interrupt_watch(token);
    if (result != 0) {
        say("%s", thrum_strerror(result));
        return STATUS_FAILED;
    }
    thrum_executor *executor;
    status = open_executor(&executor, options.executor);
    if (status != 0)
        return status;
    status = run(&options, executor, token);
    (void)thrum_executor_close(executor);
    if (interrupt_came())
        interrupt_end();
    return status;
}
