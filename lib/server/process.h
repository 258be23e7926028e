/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The processes of a server, as they see each other.  None of it allocates. */
#ifndef HSM_SERVER_PROCESS_H
#define HSM_SERVER_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Whether the kernel may kill this process when memory is short: where that may
 * not be changed, in some containers, it stays as it is.
 */
void hsm_process_may_be_killed(bool may);

/* One descriptor table for all; everything else as with fork(). */
pid_t hsm_process_clone(void);

/* Have the pidfd of `pid` at the number `fd`; one that has ended is left there. */
void hsm_process_watch(pid_t pid, int fd);
bool hsm_process_has_ended(int pidfd);
void hsm_process_kill(int pidfd);

/* Not somebody else's process that got the number of one of ours. */
bool hsm_process_is_ours(pid_t pid);

#endif
