/*
 * Row T6: one thread for each line of a file, results gathered by thread
 *
 *     file_lines FILE     of lines like "aaa,123"
 *
 * Each thread has a place of its own for its result, so no lock is needed: what it wrote
 * there is seen by whoever has joined it.
 */
#include "must.h"

#include <string.h>
#include <thrum/thrum.h>

struct job {
    struct job *next;
    thrum_thread *thread;
    char *line;
    const char *name, *value; /* the result: what was before the comma, and behind it */
};

static int split(void *arg)
{
    struct job *job = arg;
    char *comma = strchr(job->line, ',');
    if (comma == NULL)
        return 1;
    *comma = '\0';
    job->name = job->line;
    job->value = comma + 1;
    return 0;
}

/* Start a thread for each line. */
static struct job *start_jobs(FILE *file)
{
    struct job *first = NULL, **end = &first;
    char *line = NULL;
    for (size_t size = 0; getline(&line, &size, file) >= 0; line = NULL, size = 0) {
        struct job *job = calloc(1, sizeof *job);
        must(job == NULL ? -ENOMEM : 0);
        line[strcspn(line, "\n")] = '\0';
        job->line = line;
        must(thrum_thread_run(&job->thread, split, job));
        *end = job;
        end = &job->next;
    }
    free(line);
    return first;
}

/* Wait for each thread and say what it found. How many found nothing. */
static int gather_jobs(struct job *job)
{
    int failed = 0;
    for (struct job *next; job != NULL; job = next) {
        int code;
        must(thrum_thread_join(job->thread, &code, THRUM_FOREVER));
        if (code == 0)
            printf("%s: %s is %s\n", thrum_thread_name(job->thread), job->name, job->value);
        else
            fprintf(stderr, "%s: no comma in '%s'\n", thrum_thread_name(job->thread), job->line);
        failed += code != 0;
        next = job->next;
        thrum_thread_free(job->thread);
        free(job->line);
        free(job);
    }
    return failed;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: file_lines FILE\n");
        return 2;
    }
    FILE *file = fopen(argv[1], "r");
    if (file == NULL) {
        fprintf(stderr, "file_lines: %s: %s\n", argv[1], strerror(errno));
        return 2;
    }
    int failed = gather_jobs(start_jobs(file));
    if (ferror(file)) {
        fprintf(stderr, "file_lines: %s: cannot be read\n", argv[1]);
        failed = 1;
    }
    fclose(file);
    return failed != 0;
}
