/*
 * files.c - from what the command line names to the list of files
 *
 * Whether a file can be read is left to the task that reads it: it says so then, beside
 * everything else that can be wrong with a file.
 */
#include "findrobots.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *file_name(const struct file *file)
{
    return strcmp(file->path, "-") == 0 ? "standard input" : file->path;
}

/* Takes the path over, also on failure. */
static int add(struct files *files, char *path)
{
    if (path != NULL && files->n == files->capacity) {
        size_t capacity = files->capacity == 0 ? 64 : files->capacity * 2;
        struct file *list = realloc(files->list, capacity * sizeof *list);
        if (list != NULL) {
            files->list = list;
            files->capacity = capacity;
        }
    }
    if (path == NULL || files->n == files->capacity) {
        free(path);
        return -ENOMEM;
    }
    struct stat status;
    bool known = (strcmp(path, "-") == 0 ? fstat(STDIN_FILENO, &status) : stat(path, &status)) == 0;
    bool sized = known && S_ISREG(status.st_mode);
    uint64_t size = sized ? (uint64_t)status.st_size : 0;
    files->list[files->n] = (struct file){.path = path, .size = size, .sized = sized, .order = files->n};
    files->n++;
    files->size += size;
    files->sized = files->sized && (sized || !known); /* one that is not there takes no time */
    return 0;
}

/* As the shell's *.gz: hidden files are none of it. */
static int is_gzip_name(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);
    return entry->d_name[0] != '.' && length > 3 && strcmp(entry->d_name + length - 3, ".gz") == 0;
}

static int compare_names(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static char *join(const char *directory, const char *name)
{
    size_t length = strlen(directory);
    const char *slash = length > 0 && directory[length - 1] == '/' ? "" : "/";
    size_t size = length + strlen(slash) + strlen(name) + 1;
    char *path = malloc(size);
    if (path != NULL)
        strcat(strcat(strcpy(path, directory), slash), name);
    return path;
}

static int add_directory(struct files *files, const char *directory)
{
    struct dirent **entries;
    int n = scandir(directory, &entries, is_gzip_name, compare_names);
    if (n < 0) {
        say("%s: %s", directory, strerror(errno));
        files->failed = true;
        return 0;
    }
    if (n == 0) {
        say("%s: no *.gz file in this directory", directory);
        files->failed = true;
    }
    int result = 0;
    for (int i = 0; i < n; i++) {
        if (result == 0)
            result = add(files, join(directory, entries[i]->d_name));
        free(entries[i]);
    }
    free(entries);
    return result;
}

static int compare_sizes(const void *a, const void *b)
{
    const struct file *x = a, *y = b;
    if (x->size != y->size)
        return x->size > y->size ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

int files_collect(struct files *files, char **paths, size_t n)
{
    *files = (struct files){.sized = true};
    for (size_t i = 0; i < n; i++) {
        struct stat status;
        bool directory = strcmp(paths[i], "-") != 0 && stat(paths[i], &status) == 0 && S_ISDIR(status.st_mode);
        int result = directory ? add_directory(files, paths[i]) : add(files, strdup(paths[i]));
        if (result != 0) {
            files_free(files);
            return result;
        }
    }
    if (files->n > 1)
        qsort(files->list, files->n, sizeof *files->list, compare_sizes);
    return 0;
}

void files_free(struct files *files)
{
    for (size_t i = 0; i < files->n; i++)
        free(files->list[i].path);
    free(files->list);
    *files = (struct files){0};
}
