/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A daemon whose parent waits until it serves. */
#ifndef CMD_BACKGROUND_H
#define CMD_BACKGROUND_H

/*
 * Fork.  Only the child returns: with a session of its own and the descriptor
 * for cmd_background_ready().  The parent exits: with 0 when the child is
 * ready, else with the child's own exit status; SIGINT and SIGTERM that reach
 * it go to the child first.  Call it before there are threads.
 * -errno when it could not fork.
 */
int cmd_background_fork(void);

/*
 * Let the parent `fd` go, and leave its descriptors and its directory: standard
 * error goes to `log_fd` (or nowhere, when it is negative).
 */
void cmd_background_ready(int fd, int log_fd);

/* Close `fd` as whoever has the other end sees it; its number stays taken. */
void cmd_background_close(int fd);

#endif
