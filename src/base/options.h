/*
 * options.h - reading the structures of options that programs pass
 *
 * Each starts with its size, has no padding, and only ever grows at its end, so programs
 * and libraries of different ages understand each other: what a program does not know is
 * zero, the default; what the library does not know must be zero, or the call is refused.
 */
#ifndef BASE_OPTIONS_H_
#define BASE_OPTIONS_H_

#include <stddef.h>

/* Copy the options given (NULL: all defaults) into the library's own structure of `whole` bytes,
 * the first `known` of which mean something. 0, or -EINVAL: unknown options are set, or the
 * size is none. */
#define options_read thrum_options_read_
int options_read(void *ret_options, size_t whole, size_t known, const void *given);

/* Behind a structure's declaration: `sum` is what its fields take. Padding would be bytes that nobody
 * sets and everybody checks. */
#define OPTIONS_ARE_DENSE(type, sum) _Static_assert(sizeof(type) == (sum), "options have no padding")

#define OPTIONS_READ(ret, given) options_read((ret), sizeof *(ret), sizeof *(ret), (given))

/* The same for a structure that ends in a reserved field, which nobody knows yet. */
#define OPTIONS_READ_RESERVED(ret, type, given) options_read((ret), sizeof(type), offsetof(type, reserved_), (given))

#endif
