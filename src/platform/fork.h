/*
 * fork.h - what the seam calls in a forked child
 */
#ifndef OS_FORK_H_
#define OS_FORK_H_

#define os_forked thrum_os_forked_
void os_forked(void);

#endif
