/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SIGINT and SIGTERM in the commands that work through a list. */
#ifndef CMD_INTERRUPT_H
#define CMD_INTERRUPT_H

/*
 * From now on SIGINT and SIGTERM are remembered: the loops look, finish the
 * file they have in hand and stop.  A second one kills.
 */
void cmd_interrupt_catch(void);

/*
 * The same, but the process exits with 128 + the signal at once: for work that
 * other threads do and that may take long.
 */
void cmd_interrupt_exit(void);

/* The signal that was caught, or 0. */
int cmd_interrupt_signal(void);

#endif
