/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /proc/PID/mountinfo: see proc_pid_mountinfo(5). */
#ifndef HSM_LOCAL_MOUNTINFO_H
#define HSM_LOCAL_MOUNTINFO_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct hsm_mountinfo {
	uint64_t mount, parent;
	char device[32];     /* MAJOR:MINOR */
	char root[PATH_MAX]; /* of the mount, in its file system */
	char path[PATH_MAX]; /* where it is */
	bool trigger;        /* one of ours: trigger.h */
};

/* The next line of `table`; `text` and `size` as for getline(3).  False: none. */
bool hsm_mountinfo_next(FILE *table, char **text, size_t *size,
			struct hsm_mountinfo *out);

/* Undo, in place, the escapes of a path in it: \ooo for space, tab, ... */
void hsm_mountinfo_unescape(char *text);

#endif
