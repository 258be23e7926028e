// SPDX-License-Identifier: GPL-2.0-or-later
#include "journal/outside.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
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
	while (dir && (entry = readdir(dir))) {
		HSM_CLOSE int inner = -1;

		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") ||
		    (entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN))
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

static void look_at_directory(struct hsm_tracker *tracker,
			      const struct hsm_handle *handle)
{
	HSM_CLOSE int fd = -1;

	if (!handle->bytes || looked(tracker, handle))
		return;
	fd = hsm_handle_open(tracker->root, handle, O_PATH | O_DIRECTORY);
	if (fd >= 0 && !inside(tracker, fd))
		hsm_group_quiet_outside(tracker->group, fd);
}

void hsm_outside_look(struct hsm_tracker *tracker,
		      const struct hsm_record *record)
{
	const uint32_t moves = HSM_RECORD_RENAME | HSM_RECORD_TO;

	look_at_directory(tracker, &record->parent);
	look_at_directory(tracker, &record->parent2);
	if (record->what & HSM_RECORD_DIR && record->what & moves) {
		HSM_CLOSE int fd = hsm_handle_open(tracker->root,
						   &record->inode,
						   O_PATH | O_DIRECTORY);

		memset(tracker->looked, 0, sizeof(tracker->looked));
		if (fd >= 0 && inside(tracker, fd))
			hear_all(tracker, fd);
	}
}
