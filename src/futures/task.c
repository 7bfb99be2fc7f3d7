/*
 * task.c - running a task, and finding it again in another process
 *
 * A descriptor's address means nothing elsewhere. Its key does: the build-id of the
 * module that it lies in, which the linker makes from the module's contents, and its
 * offset there. Two processes with the same build-id loaded have the same bytes at that
 * place.
 */
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <stdio.h>
#include <string.h>

#include "futures/job.h"
#include "park/sleeper.h"

/* ---- Running ---- */

thrum_error error_plain(int outcome, const thrum_task *task, uint64_t index)
{
    thrum_error error = {.outcome = outcome, .index = index};
    (void)snprintf(error.task, sizeof error.task, "%s", task->name);
    return error;
}

static void report_failure(thrum_job *job, size_t item, int code, const char *message)
{
    thrum_error error = error_plain(THRUM_FAILED, job->task, THRUM_NO_INDEX);
    error.code = code;
    error.worker = thrum_get_native_id();
    memcpy(error.message, message, REPORT_SIZE);
    job->owner_->fail(job, item, &error);
}

static void run_items(thrum_job *job, struct sleeper *self, char *message)
{
    const thrum_task *task = job->task;
    const char *input = job->input;
    char *output = job->output;
    for (size_t item = 0; item < job->count; item++) {
        message[0] = '\0';
        self->token = job->token; /* each time: a task may set another */
        int code = task->run(input + item * task->input_size, output + item * task->output_size);
        if (code != 0)
            report_failure(job, item, code, message);
    }
}

void run_job(thrum_job *job)
{
    char message[REPORT_SIZE] = "";
    struct inside inside;
    executor_enter(&inside, job->executor_);
    struct sleeper *self = sleeper_self(), none = {0};
    if (self == NULL)
        self = &none; /* no record to be had: run without messages and token rather than not at all */
    char *old_report = self->report;
    thrum_token *old_token = self->token;
    do {
        if (!job->owner_->start(job))
            break;
        self->report = message;
        run_items(job, self, message);
        self->report = old_report;
        self->token = old_token;
    } while (job->owner_->finish(job));
    executor_leave(&inside);
}

/* ---- Keys ---- */

_Static_assert(sizeof(((thrum_error *)0)->message) == REPORT_SIZE, "a message fits its record");

#define LARGEST_TASK 4096 /* bytes of a descriptor, of whatever version */

struct search {
    thrum_task_key *key;
    uintptr_t address; /* of the descriptor: given, or found */
    int result;
};

static bool segment_holds(const struct dl_phdr_info *module, uintptr_t address, size_t size)
{
    for (int i = 0; i < module->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &module->dlpi_phdr[i];
        uintptr_t start = module->dlpi_addr + segment->p_vaddr;
        if (segment->p_type == PT_LOAD && (segment->p_flags & PF_R) != 0 && size <= segment->p_filesz &&
            address >= start && address - start <= segment->p_filesz - size)
            return true;
    }
    return false;
}

static size_t padded(size_t size)
{
    return (size + 3) & ~(size_t)3;
}

/* The module's build-id from its notes; NULL if it has none. */
static const unsigned char *build_id(const struct dl_phdr_info *module, uint32_t *ret_size)
{
    for (int i = 0; i < module->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &module->dlpi_phdr[i];
        if (segment->p_type != PT_NOTE)
            continue;
        const unsigned char *at = (const unsigned char *)(module->dlpi_addr + segment->p_vaddr);
        const unsigned char *end = at + segment->p_memsz;
        ElfW(Nhdr) note;
        while ((size_t)(end - at) >= sizeof note) {
            memcpy(&note, at, sizeof note);
            size_t name = padded(note.n_namesz), bytes = padded(note.n_descsz), left = (size_t)(end - at) - sizeof note;
            if (name > left || bytes > left - name)
                break;
            if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && memcmp(at + sizeof note, "GNU", 4) == 0 &&
                note.n_descsz > 0 && note.n_descsz <= sizeof((thrum_task_key *)0)->build_id) {
                *ret_size = note.n_descsz;
                return at + sizeof note + name;
            }
            at += sizeof note + name + bytes;
        }
    }
    return NULL;
}

static int make_key(struct dl_phdr_info *module, size_t size, void *arg)
{
    struct search *search = arg;
    (void)size;
    if (!segment_holds(module, search->address, sizeof(thrum_task)))
        return 0;
    thrum_task_key key = {.offset = search->address - module->dlpi_addr};
    const unsigned char *id = build_id(module, &key.build_id_size);
    search->result = id != NULL ? 0 : -ENOTSUP;
    if (id != NULL) {
        memcpy(key.build_id, id, key.build_id_size);
        *search->key = key;
    }
    return 1;
}

int thrum_task_get_key(const thrum_task *task, thrum_task_key *ret_key)
{
    struct search search = {.key = ret_key, .address = (uintptr_t)task, .result = -ENOENT};
    (void)dl_iterate_phdr(make_key, &search);
    return search.result;
}

/* A key is another process's word: what lies there must look like a descriptor in all its parts. */
static bool holds_task(const struct dl_phdr_info *module, uintptr_t address)
{
    const thrum_task *task = (const thrum_task *)address;
    return address % _Alignof(thrum_task) == 0 && segment_holds(module, address, sizeof *task) && is_task(task) &&
           task->mark_ == THRUM_TASK_MARK_ && task->size <= LARGEST_TASK &&
           segment_holds(module, (uintptr_t)task->name, 1) && segment_holds(module, (uintptr_t)task->run, 1);
}

static int find_key(struct dl_phdr_info *module, size_t size, void *arg)
{
    struct search *search = arg;
    const thrum_task_key *key = search->key;
    uint32_t id_size = 0;
    (void)size;
    const unsigned char *id = build_id(module, &id_size);
    if (id == NULL || id_size != key->build_id_size || memcmp(id, key->build_id, id_size) != 0)
        return 0;
    search->address = module->dlpi_addr + (uintptr_t)key->offset;
    if (holds_task(module, search->address))
        search->result = 0;
    return 1;
}

int thrum_task_find(const thrum_task_key *key, const thrum_task **ret_task)
{
    thrum_task_key copy = *key;
    struct search search = {.key = &copy, .result = -ENOENT};
    (void)dl_iterate_phdr(find_key, &search);
    if (search.result != 0)
        return search.result;
    *ret_task = (const thrum_task *)search.address;
    return 0;
}
