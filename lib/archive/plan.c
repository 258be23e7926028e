// SPDX-License-Identifier: GPL-2.0-or-later
#include "archive/plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "journal/record.h"
#include "local/beneath.h"

/* The object at the path came in the time of the list. */
#define CAME (HSM_RECORD_CREATE | HSM_RECORD_TO | HSM_RECORD_RENAME)
/* One that was there went. */
#define WENT (HSM_RECORD_DELETE | HSM_RECORD_FROM | HSM_RECORD_UNKNOWN)

struct plan {
	struct hsm_archive_plan *to;
	struct hsm_changes *changes;
	FILE *deleted;
};

/* Take `path`, "" for the root.  -ENOMEM. */
static int add(struct hsm_archive_plan *plan, const char *path, size_t len,
	       bool directory, bool listed)
{
	struct hsm_archive_item *item;

	if (plan->count == plan->room) {
		size_t room = plan->room ? 2 * plan->room : 256;

		item = realloc(plan->items, room * sizeof(*item));
		if (!item)
			return -ENOMEM;
		plan->items = item;
		plan->room = room;
	}
	item = &plan->items[plan->count];
	*item = (struct hsm_archive_item){
		.path = len ? strndup(path, len) : strdup("."),
		.directory = directory, .listed = listed,
	};
	if (!item->path)
		return -ENOMEM;
	plan->count++;
	return 0;
}

/* The directory above: what came and went in it moved its time. */
static int add_above(struct hsm_archive_plan *plan, const char *path, size_t len)
{
	if (len == 1 && path[0] == '.')
		return 0;
	while (len && path[len - 1] != '/')
		len--;
	return add(plan, path, len ? len - 1 : 0, true, false);
}

/*
 * A directory that came, and below which something is gone: that may have been in
 * another directory, or behind a symbolic link, that had this name.  To remove
 * it there could lead astray, so all of the directory is made anew.
 */
static bool is_anew(const struct hsm_changes *changes, const char *path,
		    size_t len)
{
	bool is = false;
	size_t i;

	for (i = 1; i < len; i++) {
		struct hsm_change_entry *above;

		if (path[i] != '/')
			continue;
		above = hsm_changes_find(changes, path, i);
		if (above && above->directory &&
		    (above->anew || above->what & CAME))
			is = above->anew = true;
	}
	return is;
}

/* All that is below the directory `path`.  What goes meanwhile is not there. */
static int add_below(struct hsm_archive_plan *plan, int root, const char *path)
{
	int fd = hsm_beneath_open(root, path, O_RDONLY | O_DIRECTORY);
	HSM_CLOSEDIR DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	int ret = 0;

	if (fd < 0)
		return fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP ? 0 : fd;
	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	while (!ret && (entry = hsm_fd_entry(dir))) {
		HSM_FREE char *below = NULL;
		HSM_CLOSE int inner = -1;

		if (asprintf(&below, "%s/%s", path, entry->d_name) < 0) {
			below = NULL;
			return -ENOMEM;
		}
		if (entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN)
			inner = openat(dirfd(dir), entry->d_name, O_PATH |
				       O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		ret = add(plan, below, strlen(below), inner >= 0, true);
		if (!ret && inner >= 0)
			ret = add_below(plan, root, below);
	}
	return ret;
}

static int delete(struct plan *plan, const struct hsm_change_entry *entry)
{
	return fprintf(plan->deleted, "./%.*s", entry->path_len, entry->path) < 0 ||
	       fputc('\0', plan->deleted) < 0 ? -ENOMEM : 0;
}

static int add_entry(struct plan *plan, const struct hsm_change_entry *entry)
{
	struct hsm_archive_plan *to = plan->to;
	const char *path = entry->path;
	size_t len = entry->path_len;
	HSM_FREE char *text = NULL;
	int ret = 0;

	if (entry->covered)
		return 0;
	if (!entry->exists)
		ret = is_anew(plan->changes, path, len) ? 0 :
							  delete(plan, entry);
	else if (entry->anew || (!entry->directory && entry->what & WENT))
		ret = delete(plan, entry);
	if (!ret)
		ret = add_above(to, path, len);
	if (ret < 0 || !entry->exists)
		return ret;
	if (len == 1 && path[0] == '.')
		len = 0;
	ret = add(to, path, len, entry->directory, true);
	if (ret < 0 || !entry->anew)
		return ret;
	text = strndup(path, len);
	return text ? add_below(to, plan->changes->dir, text) : -ENOMEM;
}

/* Paths as a walk would have them: '/' before any other byte. */
static int compare(const void *a, const void *b)
{
	const struct hsm_archive_item *one = a, *other = b;
	const unsigned char *x = (const void *)one->path;
	const unsigned char *y = (const void *)other->path;
	bool x_root = x[0] == '.' && !x[1], y_root = y[0] == '.' && !y[1];

	if (x_root || y_root)
		return x_root && y_root ? other->listed - one->listed :
		       x_root ? -1 : 1;
	while (*x && *x == *y) {
		x++;
		y++;
	}
	if (*x == *y)
		return other->listed - one->listed;
	if (!*x || !*y)
		return *x ? 1 : -1;
	if (*x == '/' || *y == '/')
		return *x == '/' ? -1 : 1;
	return *x < *y ? -1 : 1;
}

static void sort(struct hsm_archive_plan *plan)
{
	size_t i, kept = 0;

	if (plan->count)
		qsort(plan->items, plan->count, sizeof(*plan->items), compare);
	for (i = 0; i < plan->count; i++) {
		if (kept && !strcmp(plan->items[kept - 1].path,
				    plan->items[i].path))
			free(plan->items[i].path);
		else
			plan->items[kept++] = plan->items[i];
	}
	plan->count = kept;
}

int hsm_archive_plan_make(struct hsm_archive_plan *plan,
			  struct hsm_changes *changes)
{
	struct plan make = { .to = plan, .changes = changes };
	size_t i;
	int ret = 0;

	*plan = (struct hsm_archive_plan){ 0 };
	make.deleted = open_memstream(&plan->deleted, &plan->deleted_len);
	if (!make.deleted)
		return -ENOMEM;
	/* Before the first deletion: what is below them must not be one. */
	for (i = 0; i < changes->count; i++) {
		struct hsm_change_entry *entry = &changes->entries[i];

		/* Of what was in it nothing is known. */
		entry->anew |= entry->rescan;
		if (!entry->covered && !entry->exists)
			is_anew(changes, entry->path, entry->path_len);
	}
	for (i = 0; !ret && i < changes->count; i++)
		ret = add_entry(&make, &changes->entries[i]);
	if (fclose(make.deleted) != 0 && !ret)
		ret = -ENOMEM;
	sort(plan);
	return ret;
}

void hsm_archive_plan_free(struct hsm_archive_plan *plan)
{
	size_t i;

	for (i = 0; i < plan->count; i++)
		free(plan->items[i].path);
	free(plan->items);
	free(plan->deleted);
}
