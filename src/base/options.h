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

/* Copy the options given (NULL: all defaults) into the library's own structure of `known`
 * bytes. 0, or -EINVAL: unknown options are set, or the size is none. */
#define options_read thrum_options_read_
int options_read(void *ret_options, size_t known, const void *given);

#endif
