// SPDX-License-Identifier: GPL-2.0-or-later
#include "journal/outside.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "journal/group.h"
#include "journal/subject.h"

static bool inside(const struct hsm_tracker *tracker, int fd)
{
	char *path = hsm_subject_path(tracker->root, fd);
	/* Too deep for a path: it may be inside. */
	bool is = path || errno == ENAMETOOLONG;

	free(path);
	return is;
}

static void hear_all(const struct hsm_tracker *tracker, int fd)
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	HSM_CLOSEDIR DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *entry;

	if (copy < 0)
		return;
	hsm_group_hear(tracker->group, copy);
	if (!dir)
		close(copy);
	while (dir && (entry = hsm_fd_entry(dir))) {
		HSM_CLOSE int inner = -1;

		if (entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN)
			continue;
		inner = openat(dirfd(dir), entry->d_name, O_PATH | O_DIRECTORY |
			       O_NOFOLLOW | O_CLOEXEC);
		if (inner >= 0)
			hear_all(tracker, inner);
	}
}

/* Were we here a moment ago?  If not sure, looking again does no harm. */
static bool looked(struct hsm_tracker *tracker, const struct hsm_handle *handle)
{
	uint32_t hash = 2166136261u, *at;
	unsigned int i;

	for (i = 0; i < handle->bytes; i++)
		hash = (hash ^ handle->data[i]) * 16777619u;
	hash |= 1;
	at = &tracker->looked[(hash >> 8) % HSM_TRACKER_LOOKED];
	if (*at == hash)
		return true;
	*at = hash;
	return false;
}

static bool has_left(const struct hsm_tracker *tracker,
		     const struct hsm_handle *handle)
{
	unsigned int i;

	for (i = 0; i < tracker->left_count; i++)
		if (hsm_handle_equal(&tracker->left[i], handle))
			return true;
	return false;
}

/*
 * Is the directory `fd`, which is outside, one that left, or below one?  If not
 * sure, it is.  (It cannot be walked up to: path_connected().)
 */
static bool below_left(const struct hsm_tracker *tracker, int fd)
{
	char path[PATH_MAX], above[PATH_MAX];
	unsigned int i;

	if (!tracker->left_count)
		return false;
	if (tracker->left_count > HSM_TRACKER_LEFT || !hsm_fd_path(fd, path))
		return true;
	for (i = 0; i < tracker->left_count; i++) {
		HSM_CLOSE int left = hsm_handle_open(tracker->root,
						     &tracker->left[i],
						     O_PATH | O_DIRECTORY);
		size_t len;

		if (left < 0)
			continue; /* gone, and all that was below it */
		if (!hsm_fd_path(left, above))
			return true;
		len = strlen(above);
		if (!strncmp(path, above, len) &&
		    (!path[len] || path[len] == '/'))
			return true;
	}
	return false;
}

static void look_at_directory(struct hsm_tracker *tracker,
			      const struct hsm_handle *handle)
{
	const struct hsm_record quiet = {
		.what = HSM_RECORD_DIR | HSM_RECORD_QUIET, .inode = *handle,
	};
	HSM_CLOSE int fd = -1;

	if (!handle->bytes || looked(tracker, handle))
		return;
	fd = hsm_handle_open(tracker->root, handle, O_PATH | O_DIRECTORY);
	if (fd < 0 || inside(tracker, fd) || below_left(tracker, fd))
		return;
	/* It may have come from inside, and we hear of that later. */
	if (hsm_log_file_add(&tracker->records, &quiet) < 0)
		hsm_tracker_lose(tracker, strerror(-tracker->records.error));
	hsm_group_quiet_outside(tracker->group, fd);
}

/* Did what is outside now leave by this record?  It was in `parent`. */
static bool leaves(const struct hsm_tracker *tracker,
		   const struct hsm_handle *parent)
{
	HSM_CLOSE int fd = hsm_handle_open(tracker->root, parent,
					   O_PATH | O_DIRECTORY);

	return fd < 0 || inside(tracker, fd) || below_left(tracker, fd);
}

static void look_at_moved(struct hsm_tracker *tracker,
			  const struct hsm_record *record)
{
	HSM_CLOSE int fd = hsm_handle_open(tracker->root, &record->inode,
					   O_PATH | O_DIRECTORY);

	memset(tracker->looked, 0, sizeof(tracker->looked));
	if (fd < 0)
		return;
	if (inside(tracker, fd)) {
		hear_all(tracker, fd);
	} else if (record->what & (HSM_RECORD_RENAME | HSM_RECORD_FROM) &&
		   !has_left(tracker, &record->inode) &&
		   leaves(tracker, &record->parent)) {
		if (tracker->left_count < HSM_TRACKER_LEFT)
			tracker->left[tracker->left_count] = record->inode;
		if (tracker->left_count <= HSM_TRACKER_LEFT)
			tracker->left_count++;
		hsm_group_hear(tracker->group, fd);
	}
}

void hsm_outside_look(struct hsm_tracker *tracker,
		      const struct hsm_record *record)
{
	const uint32_t moves = HSM_RECORD_RENAME | HSM_RECORD_FROM |
			       HSM_RECORD_TO;

	/* First: what it left for is not to be heard any more. */
	if (record->what & HSM_RECORD_DIR && record->what & moves)
		look_at_moved(tracker, record);
	look_at_directory(tracker, &record->parent);
	look_at_directory(tracker, &record->parent2);
}

void hsm_outside_forget(struct hsm_tracker *tracker, unsigned int count)
{
	if (tracker->left_count > HSM_TRACKER_LEFT ||
	    count >= tracker->left_count) {
		tracker->left_count = 0;
		return;
	}
	tracker->left_count -= count;
	memmove(tracker->left, tracker->left + count,
		tracker->left_count * sizeof(tracker->left[0]));
}
