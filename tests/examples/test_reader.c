/*
 * test_reader.c - gzip in any form, in pieces of any size, and damaged in any place
 */
#include "findrobots.h"
#include "harness.h"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

static char directory[] = "/tmp/test_reader_XXXXXX";
static char path[64];

/* ---- Files --------------------------------------------------------------- */

static void append(thrum_buffer *buffer, const void *data, size_t size)
{
    check_result(thrum_buffer_append(buffer, data, size), 0);
}

enum header { BARE, NAMED, FULL };

/* A member of text, with nothing, a name, or everything that there is in its header. */
static void append_member(thrum_buffer *file, const void *text, size_t size, enum header kind, int level)
{
    z_stream stream = {.zalloc = Z_NULL};
    check_int(deflateInit2(&stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    static Bytef extra[] = "some extra bytes", name[] = "access.log", comment[] = "what an archiver might say";
    gz_header header = {.os = 3};
    if (kind != BARE)
        header.name = name;
    if (kind == FULL) {
        header.extra = extra;
        header.extra_len = sizeof extra;
        header.comment = comment;
        header.hcrc = 1;
    }
    check_int(deflateSetHeader(&stream, &header), Z_OK);
    check_result(thrum_buffer_reserve(file, deflateBound(&stream, size) + 128), 0);
    stream.next_in = (Bytef *)(uintptr_t)text;
    stream.avail_in = (uInt)size;
    stream.next_out = (Bytef *)file->data + file->size;
    stream.avail_out = (uInt)(file->capacity - file->size);
    check_int(deflate(&stream, Z_FINISH), Z_STREAM_END);
    file->size += stream.total_out;
    deflateEnd(&stream);
}

static void write_file(const void *data, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    check(fd >= 0);
    check_int(write(fd, data, size), (ssize_t)size);
    check_int(ftruncate(fd, (off_t)size), 0);
    close(fd);
}

/* Read a file to its end. Its text, and what reader_open or reader_next returned last. */
static int read_all(const char *file, thrum_buffer *ret_text, char error[160])
{
    struct reader *reader = malloc(sizeof *reader);
    check(reader != NULL);
    ret_text->size = 0;
    int result = reader_open(reader, file);
    if (result == 0) {
        thrum_bytes piece;
        while ((result = reader_next(reader, &piece)) == 0 && piece.size > 0) {
            check(piece.size <= READER_PIECE);
            append(ret_text, piece.data, piece.size);
        }
        reader_close(reader);
    }
    if (result != 0)
        strcpy(error, reader->error);
    free(reader);
    return result;
}

static void check_text(const char *file, const thrum_buffer *expected)
{
    thrum_buffer text = {.size = 0};
    char error[160] = "";
    int result = read_all(file, &text, error);
    check_str(error, "");
    check_int(result, 0);
    check_int(text.size, expected->size);
    check(expected->size == 0 || memcmp(text.data, expected->data, text.size) == 0);
    thrum_buffer_free(&text);
}

static void check_error(const void *data, size_t size, const char *expected)
{
    thrum_buffer text = {.size = 0};
    char error[160] = "";
    write_file(data, size);
    check_int(read_all(path, &text, error), -1);
    check_str(error, expected);
    thrum_buffer_free(&text);
}

/* Lines that compress like a log's. */
static void make_text(thrum_buffer *text, size_t size)
{
    uint32_t number = 1;
    while (text->size < size) {
        char line[128];
        number = number * 1664525 + 1013904223;
        int n = snprintf(line, sizeof line, "10.%u.%u.7 - - \"GET /page/%u HTTP/1.1\" 200 %u\n", number >> 24,
                         number >> 16 & 15, number >> 8 & 1023, number & 0xffff);
        append(text, line, (size_t)n);
    }
}

/* ---- Whole files ---------------------------------------------------------- */

TEST(members_of_every_kind)
{
    thrum_buffer file = {.size = 0}, text = {.size = 0}, all = {.size = 0};
    static const size_t sizes[] = {0, 1, 100, READER_PIECE - 1, READER_PIECE, READER_PIECE + 1, 3 * READER_PIECE};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int kind = BARE; kind <= FULL; kind++) {
            text.size = 0;
            make_text(&text, sizes[i]);
            append_member(&file, text.data, sizes[i], (enum header)kind, (int)(i % 3) * 4 + 1);
            append(&all, text.data, sizes[i]);
            write_file(file.data, file.size);
            check_text(path, &all);
        }
    append(&file, "\0\0\0", 3); /* a tape's padding, also before another member */
    write_file(file.data, file.size);
    check_text(path, &all);
    append_member(&file, "more\n", 5, BARE, 6);
    append(&all, "more\n", 5);
    write_file(file.data, file.size);
    check_text(path, &all);
    thrum_buffer_free(&file);
    thrum_buffer_free(&text);
    thrum_buffer_free(&all);
}

TEST(stored_blocks)
{
    thrum_buffer file = {.size = 0}, text = {.size = 0};
    make_text(&text, 200000);
    append_member(&file, text.data, text.size, BARE, 0);
    check(file.size > text.size);
    write_file(file.data, file.size);
    check_text(path, &text);
    thrum_buffer_free(&file);
    thrum_buffer_free(&text);
}

/* ---- Little by little ------------------------------------------------------ */

struct drip {
    int fd;
    const thrum_buffer *file;
    size_t step;
};

static int run_drip(void *arg)
{
    const struct drip *drip = arg;
    for (size_t i = 0; i < drip->file->size; i += drip->step) {
        size_t n = drip->step < drip->file->size - i ? drip->step : drip->file->size - i;
        check_int(write(drip->fd, (const char *)drip->file->data + i, n), (ssize_t)n);
    }
    close(drip->fd);
    return 0;
}

/* A pipe of packets: each write is one read. */
static void check_in_steps(const thrum_buffer *file, size_t step, const thrum_buffer *expected)
{
    int ends[2];
    check_int(pipe2(ends, O_DIRECT), 0);
    check_int(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
    close(ends[0]);
    struct drip drip = {ends[1], file, step};
    thrum_thread *thread = start(run_drip, &drip, NULL);
    check_text("-", expected);
    check_result(finish(thread), 0);
}

TEST(input_that_comes_little_by_little)
{
    thrum_buffer file = {.size = 0}, text = {.size = 0};
    make_text(&text, 3000);
    for (int i = 0; i < 3; i++)
        append_member(&file, (char *)text.data + i * 1000, 1000, FULL, 9);
    text.size = 3000;
    for (size_t step = 1; step < 40; step++)
        check_in_steps(&file, step, &text);
    check_in_steps(&text, 1, &text); /* as plain text */
    thrum_buffer_free(&file);
    thrum_buffer_free(&text);
}

/* ---- Damage ------------------------------------------------------------------ */

#define TRUNCATED "truncated gzip: the file ends before its data does"

TEST(what_is_wrong_is_said)
{
    thrum_buffer file = {.size = 0};
    check_error("", 0, TRUNCATED);
    check_error("\x1f", 1, TRUNCATED);
    check_error("plain text\n", 11, "not a gzip file, as its name says: it does not begin with 1f 8b");
    append_member(&file, "hello\n", 6, BARE, 6);
    char *data = file.data;
    data[2] = 7;
    check_error(data, file.size, "damaged gzip: unknown compression method");
    data[2] = 8;
    data[10] = 7; /* a block of type 3 */
    check_error(data, file.size, "damaged gzip: its data cannot be decoded");
    file.size = 0;
    append_member(&file, "hello\n", 6, BARE, 6);
    data[file.size - 1] ^= 1;
    check_error(data, file.size, "damaged gzip: its checksum or length does not match");
    data[file.size - 1] ^= 1;
    data[file.size - 8] ^= 1;
    check_error(data, file.size, "damaged gzip: its checksum or length does not match");
    data[file.size - 8] ^= 1;
    append(&file, "\0garbage", 8);
    check_error(file.data, file.size, "trailing garbage behind the gzip data");
    file.size = 0;
    append_member(&file, "hello\n", 6, FULL, 6);
    data = file.data;
    data[20] ^= 1; /* within the extra bytes, which the header's checksum covers */
    check_error(data, file.size, "damaged gzip: its header's checksum is wrong");
    thrum_buffer_free(&file);
}

TEST(cut_off_anywhere)
{
    thrum_buffer file = {.size = 0}, text = {.size = 0};
    make_text(&text, 600);
    append_member(&file, text.data, 300, FULL, 6);
    size_t first = file.size;
    append_member(&file, (char *)text.data + 300, 300, NAMED, 6);
    for (size_t size = 0; size < file.size; size++) {
        if (size == first) {
            text.size = 300;
            write_file(file.data, size);
            check_text(path, &text);
        } else {
            check_error(file.data, size, TRUNCATED);
        }
    }
    thrum_buffer_free(&file);
    thrum_buffer_free(&text);
}

/* Any bit may be wrong: then the text is as it was (a bit that means nothing), or it is an error. */
TEST(any_bit_flipped)
{
    thrum_buffer file = {.size = 0}, text = {.size = 0}, got = {.size = 0};
    make_text(&text, 300);
    append_member(&file, text.data, text.size, NAMED, 6);
    size_t errors = 0, bits = file.size * 8;
    for (size_t bit = 0; bit < bits; bit++) {
        uint8_t *byte = (uint8_t *)file.data + bit / 8;
        char error[160];
        *byte ^= (uint8_t)(1u << bit % 8);
        write_file(file.data, file.size);
        if (read_all(path, &got, error) != 0)
            errors++;
        else
            check(got.size == text.size && memcmp(got.data, text.data, text.size) == 0);
        *byte ^= (uint8_t)(1u << bit % 8);
    }
    /* What means nothing: five bits of flags, time, level, system, the name. */
    check(errors > bits - 8 * 25 && errors < bits);
    thrum_buffer_free(&file);
    thrum_buffer_free(&text);
    thrum_buffer_free(&got);
}

static int make_directory(void **state)
{
    (void)state;
    check(mkdtemp(directory) != NULL);
    snprintf(path, sizeof path, "%s/file.gz", directory);
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    unlink(path);
    rmdir(directory);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_of_every_kind),
        cmocka_unit_test(stored_blocks),
        cmocka_unit_test(input_that_comes_little_by_little),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(cut_off_anywhere),
        cmocka_unit_test(any_bit_flipped),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
