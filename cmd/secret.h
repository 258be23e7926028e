/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Passwords that came on the command line, where ps(1) shows them. */
#ifndef CMD_SECRET_H
#define CMD_SECRET_H

/*
 * Blank the values of the long options `names` (NULL-terminated, with their
 * dashes) and the passwords of URLs in the process's own arguments.  Copies
 * that popt made stay.
 */
void cmd_secret_blank(const char **argv, const char *const *names);

/* Remove "USER:PASSWORD@" from `url`, in place. */
void cmd_secret_strip(char *url);

#endif
