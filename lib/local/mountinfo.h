/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /proc/PID/mountinfo: see proc_pid_mountinfo(5). */
#ifndef HSM_LOCAL_MOUNTINFO_H
#define HSM_LOCAL_MOUNTINFO_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

struct hsm_mountinfo {
	uint64_t mount, parent;
	dev_t device;        /* of the file system */
	char root[PATH_MAX]; /* of the mount, in its file system */
	char path[PATH_MAX]; /* where it is */
	bool trigger;        /* one of ours: trigger.h */
};

/* The next line of `table`; `text` and `size` as for getline(3).  False: none. */
bool hsm_mountinfo_next(FILE *table, char **text, size_t *size,
			struct hsm_mountinfo *out);

#endif
