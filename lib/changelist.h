/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A list in memory, as hsm_checkpoint() gives it.  Private to the library. */
#ifndef HSM_CHANGELIST_H
#define HSM_CHANGELIST_H

#include "hsm.h"
#include "journal/home.h"
#include "journal/log.h"

struct hsm_change_entry {
	const char *path, *from; /* in an image; not terminated */
	size_t order;
	uint32_t what;           /* enum hsm_record_what */
	uint16_t path_len, from_len;
	bool exists, directory, covered, replaced, moved, renamed, rescan;
	bool anew;               /* see archive/plan.c */
};

struct hsm_changes {
	int dir;              /* DIR: to see what is there */
	bool rescan;          /* nothing but that is known */
	bool partial;         /* nothing but that is known of a directory */
	char id[HSM_CHECKPOINT_ID], since[HSM_CHECKPOINT_ID];
	struct hsm_log_image *images;
	unsigned int image_count;
	struct hsm_change_entry *entries;
	size_t count, room, at;
	char *text;           /* room for two paths */
};

/* Add the list in the file `fd`.  -ENOMEM, -errno. */
int hsm_changes_add(struct hsm_changes *changes, int fd);

/* After the last one: sort, join, and look at what is there now. */
int hsm_changes_settle_list(struct hsm_changes *changes);

/* The entry of exactly this path, or NULL. */
struct hsm_change_entry *hsm_changes_find(const struct hsm_changes *changes,
					  const char *path, size_t len);

#endif
