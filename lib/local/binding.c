// SPDX-License-Identifier: GPL-2.0-or-later
#include "local/binding.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/stat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "local/mount.h"
#include "local/mountinfo.h"

#ifndef STATX_MNT_ID_UNIQUE
#define STATX_MNT_ID_UNIQUE 0x00004000U
#endif

const char *hsm_binding_part(const char *path, const char *below)
{
	size_t len = strlen(below);

	if (!len)
		return path;
	if (strncmp(path, below, len) || (path[len] && path[len] != '/'))
		return NULL;
	return path + len + (path[len] == '/');
}

/* The part of the tree that `line` shows, or NULL. */
static const char *part_of(const struct hsm_mountinfo *line,
			   const struct hsm_mountinfo *home)
{
	const char *top = !strcmp(home->root, "/") ? "" : home->root;
	const char *part;

	if (line->device != home->device)
		return NULL;
	part = hsm_binding_part(line->root, top);
	return part && *part == '/' ? part + 1 : part;
}

static int add(struct hsm_binding **all, size_t *count,
	       const struct hsm_mountinfo *line, const char *part)
{
	struct hsm_binding *more = realloc(*all, (*count + 1) * sizeof(**all));

	if (!more)
		return -ENOMEM;
	*all = more;
	more += (*count)++;
	more->mount = line->mount;
	more->triggers = false;
	snprintf(more->path, sizeof(more->path), "%s", line->path);
	snprintf(more->below, sizeof(more->below), "%s", part);
	return 0;
}

static void note_trigger(struct hsm_binding *all, size_t count, uint64_t parent)
{
	size_t i;

	for (i = 0; i < count; i++)
		all[i].triggers |= all[i].mount == parent;
}

/* Lines in any order: first the tree, then its mounts, then what is on them. */
static int read_table(FILE *table, uint64_t id, struct hsm_binding **all,
		      size_t *count)
{
	HSM_FREE struct hsm_mountinfo *line = calloc(1, sizeof(*line));
	HSM_FREE struct hsm_mountinfo *home = calloc(1, sizeof(*home));
	HSM_FREE char *text = NULL;
	size_t size = 0;
	bool found = false;
	int ret = 0;

	if (!line || !home)
		return -ENOMEM;
	while (!found && hsm_mountinfo_next(table, &text, &size, home))
		found = home->mount == id;
	if (!found)
		return -ENOENT;
	rewind(table);
	while (!ret && hsm_mountinfo_next(table, &text, &size, line)) {
		const char *part = line->trigger ? NULL : part_of(line, home);

		if (part)
			ret = add(all, count, line, part);
	}
	rewind(table);
	while (!ret && hsm_mountinfo_next(table, &text, &size, line))
		if (line->trigger)
			note_trigger(*all, *count, line->parent);
	return ret;
}

int hsm_binding_list(uint64_t home, struct hsm_binding **out, size_t *count)
{
	HSM_FCLOSE FILE *table = fopen("/proc/thread-self/mountinfo", "re");
	int ret;

	*out = NULL;
	*count = 0;
	if (!table)
		return -errno;
	ret = read_table(table, home, out, count);
	if (ret) {
		free(*out);
		*out = NULL;
		*count = 0;
	}
	return ret;
}

int hsm_binding_open(const struct hsm_binding *binding, uint64_t *unique)
{
	HSM_CLOSE int fd = open(binding->path,
				O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct statx st;
	uint64_t id;

	if (fd < 0)
		return -errno;
	if (hsm_mount_id_of(fd, &id) < 0 || id != binding->mount)
		return -ESTALE;
	if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID_UNIQUE, &st) < 0)
		return -errno;
	*unique = st.stx_mnt_id;
	return hsm_steal_fd(&fd);
}

int hsm_binding_beneath(int fd, const char *path)
{
	struct open_how how = {
		.flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
			   RESOLVE_NO_XDEV,
	};
	int found = (int)syscall(SYS_openat2, fd, *path ? path : ".", &how,
				 sizeof(how));

	return found < 0 ? -errno : found;
}
