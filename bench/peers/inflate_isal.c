/*
 * inflate_isal.c - gzip files inflated by ISA-L, and nothing else
 *
 *     inflate-isal THREADS LOG...
 *
 * The ceiling for findrobots: the same files by the same library on as many threads, the text
 * thrown away. A thread takes the next file, reads it in pieces and inflates into one buffer that
 * it uses again and that stays in its cache; checksums are checked, as they are by every
 * contestant. Prints how many bytes of text there were.
 */
#include <fcntl.h>
#include <isa-l/igzip_lib.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PIECE = 256 * 1024, MAX_THREADS = 64 };

static char **names;
static size_t name_count;
static atomic_size_t next_name;
static atomic_uint_fast64_t text_bytes;

struct reader {
    struct inflate_state state;
    int fd;
    uint8_t in[PIECE], out[PIECE];
};

static void die(const char *name, const char *what)
{
    fprintf(stderr, "%s: %s\n", name, what);
    exit(1);
}

/* Whether there is more to inflate; it is then in the state's input. */
static bool refill(struct reader *reader, const char *name)
{
    if (reader->state.avail_in > 0)
        return true;
    ssize_t got = read(reader->fd, reader->in, sizeof reader->in);
    if (got < 0)
        die(name, "cannot be read");
    reader->state.next_in = reader->in;
    reader->state.avail_in = (uint32_t)got;
    return got > 0;
}

static uint64_t inflate_member(struct reader *reader, const char *name)
{
    uint64_t bytes = 0;
    isal_inflate_reset(&reader->state);
    reader->state.crc_flag = ISAL_GZIP;
    do {
        /* With no input left there may still be text in the state; then no progress is the end. */
        bool more = refill(reader, name);
        reader->state.next_out = reader->out;
        reader->state.avail_out = sizeof reader->out;
        if (isal_inflate(&reader->state) != ISAL_DECOMP_OK)
            die(name, "is damaged");
        uint32_t made = (uint32_t)sizeof reader->out - reader->state.avail_out;
        if (!more && made == 0 && reader->state.block_state != ISAL_BLOCK_FINISH)
            die(name, "is cut off");
        bytes += made;
    } while (reader->state.block_state != ISAL_BLOCK_FINISH);
    return bytes;
}

static void *work(void *unused)
{
    struct reader *reader = malloc(sizeof *reader);
    if (!reader)
        die("memory", "is used up");
    uint64_t bytes = 0;
    for (size_t i; (i = atomic_fetch_add(&next_name, 1)) < name_count;) {
        reader->fd = open(names[i], O_RDONLY | O_CLOEXEC);
        if (reader->fd < 0)
            die(names[i], "cannot be opened");
        isal_inflate_init(&reader->state);
        while (refill(reader, names[i]))
            bytes += inflate_member(reader, names[i]);
        close(reader->fd);
    }
    free(reader);
    atomic_fetch_add(&text_bytes, bytes);
    return unused;
}

int main(int argc, char **argv)
{
    int threads = argc > 2 ? atoi(argv[1]) : 0;
    if (threads < 1 || threads > MAX_THREADS) {
        fprintf(stderr, "usage: %s THREADS LOG...\n", argv[0]);
        return 2;
    }
    names = argv + 2;
    name_count = (size_t)argc - 2;
    pthread_t others[MAX_THREADS];
    for (int i = 1; i < threads; i++) {
        if (pthread_create(&others[i], NULL, work, NULL) != 0)
            die("pthread_create", "failed");
    }
    work(NULL);
    for (int i = 1; i < threads; i++)
        pthread_join(others[i], NULL);
    printf("%llu\n", (unsigned long long)text_bytes);
    return 0;
}
