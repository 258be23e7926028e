/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Doors: the places where a trigger is mounted, in any mount namespace.
 *
 * A namespace that is copied takes its triggers with it; each copy is a door of
 * its own, and its triggers go one by one as somebody walks there.
 *
 * All of it works on the mount namespace of the calling thread, which must not
 * share its working directory with others: unshare(CLONE_FS) first.
 */
#ifndef HSM_LOCAL_DOOR_H
#define HSM_LOCAL_DOOR_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "local/mountinfo.h"

struct hsm_door {
	uint64_t mount;   /* the trigger's */
	uint64_t parent;  /* the mount that it is on */
	uint32_t device;  /* the trigger's */
	char path[PATH_MAX];
};

/* Walk over all triggers: a walk begins with zeros but for `proc`. */
struct hsm_door_walk {
	int proc;         /* /proc, opened in the server's own namespace */
	FILE *file;
	char *text;
	size_t size;
	struct hsm_mountinfo line;
};

/* Whether there is one more, in `*out`. */
bool hsm_door_next(struct hsm_door_walk *walk, struct hsm_door *out);
void hsm_door_end(struct hsm_door_walk *walk);

/*
 * The devices of all triggers that there are, sorted by hsm_door_compare(), in
 * `*out` for the caller to free.  -errno.
 */
int hsm_door_devices(int proc, uint32_t **out, size_t *count);
int hsm_door_compare(const void *a, const void *b);

/*
 * Open the directory that the door's directory is in, through the mount that
 * the trigger is on, and find its `name`.  -ESTALE: it is not there any more.
 */
int hsm_door_parent(const struct hsm_door *door, const char **name);

/* Take the trigger away; whoever waits there stays until answered.  -ESTALE:
 * something else is at its place now. */
int hsm_door_open(const struct hsm_door *door);

/* Unmount the mount whose root `fd` is. */
int hsm_door_unmount(int fd);

#endif
