/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The end of every command. */
#ifndef CMD_FINISH_H
#define CMD_FINISH_H

/*
 * End the bar, close standard output, and return the exit status: that of the
 * signal that came, else `status`, else CMD_FAILED when anything failed.
 */
int cmd_finish(int status);

#endif
