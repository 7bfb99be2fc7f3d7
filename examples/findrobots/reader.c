/*
 * reader.c - a file's text in pieces, through fixed buffers
 *
 * What a file is, its first bytes say: gzip begins with 1f 8b, anything else is text. Only a
 * file that is named *.gz has to be gzip, or damage to its first bytes would go unseen.
 *
 * A gzip file is any number of members one after another, and may end in zero bytes (tapes
 * pad with them). Each member's checksum and length are checked. Headers are read
 * with isal_read_gzip_header and a header of our own: isal_inflate could read them too,
 * but forgets in the middle of one when the input ends there.
 *
 * Pieces of 256 KB stay in the processor's cache between the inflater and the scanner.
 */
#include "findrobots.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TRUNCATED "truncated gzip: the file ends before its data does"
#define GARBAGE "trailing garbage behind the gzip data"

static int fail(struct reader *reader, const char *format, ...) THRUM_PRINTF(2, 3);

static int fail(struct reader *reader, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reader->error, sizeof reader->error, format, arguments);
    va_end(arguments);
    return -1;
}

/* Read what there is, up to size. The number of bytes, 0 at the end, -1 on failure. */
static ssize_t read_some(struct reader *reader, void *data, size_t size)
{
    ssize_t n;
    do
        n = read(reader->fd, data, size);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return fail(reader, "%s", strerror(errno));
    reader->read += (uint64_t)n;
    return n;
}

/* Put more input before the inflater, which has none left. As read_some. */
static ssize_t refill(struct reader *reader)
{
    ssize_t n = read_some(reader, reader->input, sizeof reader->input);
    reader->inflate.next_in = reader->input;
    reader->inflate.avail_in = n > 0 ? (uint32_t)n : 0;
    return n;
}

/* The same, where the file must go on. */
static int refill_within_member(struct reader *reader)
{
    ssize_t n = refill(reader);
    if (n == 0)
        return fail(reader, TRUNCATED);
    return n < 0 ? -1 : 0;
}

static bool named_gzip(const char *path)
{
    size_t length = strlen(path);
    return length >= 3 && strcmp(path + length - 3, ".gz") == 0;
}

/* A pipe may bring one byte at a time. */
static int read_first_bytes(struct reader *reader)
{
    size_t size = 0;
    while (size < 2) {
        ssize_t n = read_some(reader, reader->input + size, sizeof reader->input - size);
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        size += (size_t)n;
    }
    reader->inflate.next_in = reader->input;
    reader->inflate.avail_in = (uint32_t)size;
    return 0;
}

static void start_member(struct reader *reader)
{
    isal_gzip_header_init(&reader->header);
    reader->phase = READER_HEADER;
}

int reader_open(struct reader *reader, const char *path)
{
    reader->read = reader->members = 0;
    reader->fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (reader->fd < 0)
        return fail(reader, "%s", strerror(errno));
    isal_inflate_init(&reader->inflate);
    reader->inflate.crc_flag = ISAL_GZIP_NO_HDR_VER;
    int result = read_first_bytes(reader);
    size_t size = reader->inflate.avail_in;
    if (result == 0 && size >= 2 && reader->input[0] == 0x1f && reader->input[1] == 0x8b)
        start_member(reader);
    else
        reader->phase = READER_PLAIN;
    if (result == 0 && reader->phase == READER_PLAIN && named_gzip(path)) {
        if (size == 0 || (size == 1 && reader->input[0] == 0x1f))
            result = fail(reader, TRUNCATED);
        else
            result = fail(reader, "not a gzip file, as its name says: it does not begin with 1f 8b");
    }
    if (result != 0)
        reader_close(reader);
    return result;
}

void reader_close(struct reader *reader)
{
    if (reader->fd > STDIN_FILENO)
        close(reader->fd);
}

static int read_header(struct reader *reader)
{
    int result = isal_read_gzip_header(&reader->inflate, &reader->header);
    switch (result) {
    case ISAL_DECOMP_OK:
        reader->phase = READER_BODY;
        return 0;
    case ISAL_END_INPUT:
        return refill_within_member(reader);
    case ISAL_INVALID_WRAPPER:
        return fail(reader, GARBAGE); /* the first member's 1f 8b has been seen */
    case ISAL_UNSUPPORTED_METHOD:
        return fail(reader, "damaged gzip: unknown compression method");
    default:
        return fail(reader, "damaged gzip: its header's checksum is wrong");
    }
}

static int read_body(struct reader *reader)
{
    struct inflate_state *inflate = &reader->inflate;
    int result = isal_inflate(inflate);
    if (result == ISAL_INCORRECT_CHECKSUM)
        return fail(reader, "damaged gzip: its checksum or length does not match");
    if (result != ISAL_DECOMP_OK)
        return fail(reader, "damaged gzip: its data cannot be decoded");
    if (inflate->block_state == ISAL_BLOCK_FINISH) {
        reader->members++;
        reader->phase = READER_BETWEEN;
        return 0;
    }
    /* It stops for one of three reasons; the last is that it wants input. */
    return inflate->avail_out == 0 ? 0 : refill_within_member(reader);
}

/* Over the padding, to the next member or the end. */
static int read_between(struct reader *reader)
{
    struct inflate_state *inflate = &reader->inflate;
    while (inflate->avail_in > 0 && *inflate->next_in == 0) {
        inflate->next_in++;
        inflate->avail_in--;
    }
    if (inflate->avail_in > 0) {
        if (*inflate->next_in != 0x1f) /* too little may follow to be read as a header */
            return fail(reader, GARBAGE);
        isal_inflate_reset(inflate);
        start_member(reader);
        return 0;
    }
    ssize_t n = refill(reader);
    if (n == 0)
        reader->phase = READER_END;
    return n < 0 ? -1 : 0;
}

static int next_gzip(struct reader *reader, thrum_bytes *ret_piece)
{
    struct inflate_state *inflate = &reader->inflate;
    inflate->next_out = reader->piece;
    inflate->avail_out = sizeof reader->piece;
    int result = 0;
    while (result == 0 && reader->phase != READER_END && inflate->avail_out > 0) {
        if (reader->phase == READER_HEADER)
            result = read_header(reader);
        else if (reader->phase == READER_BODY)
            result = read_body(reader);
        else
            result = read_between(reader);
    }
    *ret_piece = (thrum_bytes){reader->piece, sizeof reader->piece - inflate->avail_out};
    return result;
}

static int next_plain(struct reader *reader, thrum_bytes *ret_piece)
{
    if (reader->inflate.avail_in > 0) { /* what the first bytes came with */
        *ret_piece = (thrum_bytes){reader->input, reader->inflate.avail_in};
        reader->inflate.avail_in = 0;
        return 0;
    }
    ssize_t n = read_some(reader, reader->piece, sizeof reader->piece);
    *ret_piece = (thrum_bytes){reader->piece, n > 0 ? (size_t)n : 0};
    return n < 0 ? -1 : 0;
}

int reader_next(struct reader *reader, thrum_bytes *ret_piece)
{
    return reader->phase == READER_PLAIN ? next_plain(reader, ret_piece) : next_gzip(reader, ret_piece);
}
