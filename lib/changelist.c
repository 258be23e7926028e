// SPDX-License-Identifier: GPL-2.0-or-later
/* Lists of checkpoints, joined, and compared with what is there now. */
#include "changelist.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "local/beneath.h"

void hsm_changes_free(struct hsm_changes *changes)
{
	unsigned int i;

	if (!changes)
		return;
	for (i = 0; i < changes->image_count; i++)
		hsm_log_image_free(&changes->images[i]);
	free(changes->images);
	free(changes->entries);
	free(changes->text);
	if (changes->dir >= 0)
		close(changes->dir);
	free(changes);
}

static int add_entry(struct hsm_changes *changes,
		     const struct hsm_record *record)
{
	struct hsm_change_entry *grown;

	if (changes->count == changes->room) {
		size_t room = changes->room ? 2 * changes->room : 256;

		grown = realloc(changes->entries, room * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		changes->entries = grown;
		changes->room = room;
	}
	changes->entries[changes->count++] = (struct hsm_change_entry){
		.path = record->name, .path_len = record->name_len,
		.from = record->name2, .from_len = record->name2_len,
		.what = record->what, .order = changes->count,
	};
	return 0;
}

int hsm_changes_add(struct hsm_changes *changes, int fd)
{
	struct hsm_log_image *images =
		realloc(changes->images,
			(changes->image_count + 1) * sizeof(*images));
	struct hsm_record record;
	bool head = false;
	int ret;

	if (!images)
		return -ENOMEM;
	changes->images = images;
	images += changes->image_count;
	ret = hsm_log_image_load(images, fd);
	if (ret < 0)
		return ret;
	changes->image_count++;
	while (!ret && (ret = hsm_log_image_next(images, &record)) == 1) {
		ret = 0;
		if (!(record.what & HSM_RECORD_HEAD))
			ret = add_entry(changes, &record);
		else if (record.what & HSM_RECORD_RESCAN)
			changes->rescan = true;
		if (record.what & HSM_RECORD_HEAD)
			head = true;
	}
	/* A list is synced before it has its name: it is whole, or damaged. */
	if (ret == -EBADMSG || (!ret && !head)) {
		changes->rescan = true;
		ret = 0;
	}
	return ret;
}

static int compare_text(const char *a, size_t a_len, const char *b, size_t b_len)
{
	int order = memcmp(a, b, a_len < b_len ? a_len : b_len);

	return order ? order : a_len < b_len ? -1 : a_len > b_len;
}

static int compare(const void *a, const void *b)
{
	const struct hsm_change_entry *x = a, *y = b;
	int order = compare_text(x->path, x->path_len, y->path, y->path_len);

	return order ? order : x->order < y->order ? -1 : 1;
}

/* One entry for each path: all that happened there, and the last `from`. */
static void join_equal(struct hsm_changes *changes)
{
	size_t i, kept = 0;

	for (i = 0; i < changes->count; i++) {
		struct hsm_change_entry *entry = &changes->entries[i];
		struct hsm_change_entry *last =
			kept ? &changes->entries[kept - 1] : NULL;

		if (!last || compare_text(last->path, last->path_len,
					  entry->path, entry->path_len)) {
			changes->entries[kept++] = *entry;
			continue;
		}
		last->what |= entry->what;
		if (entry->from_len) {
			last->from = entry->from;
			last->from_len = entry->from_len;
		}
	}
	changes->count = kept;
}

struct hsm_change_entry *hsm_changes_find(const struct hsm_changes *changes,
					  const char *path, size_t len)
{
	size_t low = 0, high = changes->count;

	while (low < high) {
		size_t middle = (low + high) / 2;
		struct hsm_change_entry *entry = &changes->entries[middle];
		int order = compare_text(path, len, entry->path,
					 entry->path_len);

		if (!order)
			return entry;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

static int exists(const struct hsm_changes *changes, const char *path,
		  size_t len)
{
	HSM_FREE char *text = strndup(path, len);
	HSM_CLOSE int fd = -1;
	struct stat st;

	if (!text)
		return -ENOMEM;
	/* What is found behind a symbolic link is not at this path: ELOOP. */
	fd = hsm_beneath_open(changes->dir, text, O_PATH);
	if (fd >= 0)
		return fstat(fd, &st) < 0 ? -errno : S_ISDIR(st.st_mode) ? 2 : 1;
	return fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP ? 0 : fd;
}

static int look(struct hsm_changes *changes)
{
	size_t i;

	for (i = 0; i < changes->count; i++) {
		struct hsm_change_entry *entry = &changes->entries[i];
		int ret = exists(changes, entry->path, entry->path_len);

		if (ret < 0)
			return ret;
		entry->exists = ret;
		entry->directory = ret == 2;
		/* Another directory may be where one was whose files nobody
		 * knows. */
		entry->rescan = ret == 2 && entry->what &
				(HSM_RECORD_UNKNOWN | HSM_RECORD_RESCAN);
		changes->partial |= entry->rescan;
		if (entry->rescan && entry->path_len == 1 &&
		    entry->path[0] == '.')
			changes->rescan = true;
	}
	return 0;
}

/* A directory above it that is in the list as gone, or as a file: it says it all. */
static struct hsm_change_entry *covering(const struct hsm_changes *changes,
					 const struct hsm_change_entry *entry)
{
	size_t len;

	for (len = 1; len < entry->path_len; len++) {
		struct hsm_change_entry *above;

		if (entry->path[len] != '/')
			continue;
		above = hsm_changes_find(changes, entry->path, len);
		if (above && !above->directory)
			return above;
	}
	return NULL;
}

/*
 * What is gone with a directory is not told by itself.  Where something else has
 * the directory's name by now, that it is gone is.
 */
static void cover(struct hsm_changes *changes, struct hsm_change_entry *entry)
{
	struct hsm_change_entry *above = covering(changes, entry);

	entry->covered = above;
	if (above && above->exists)
		above->replaced = true;
}

#define CAME (HSM_RECORD_CREATE | HSM_RECORD_TO | HSM_RECORD_RENAME)

/* Whether a consumer still has the object at the old name `entry`. */
static bool can_move(const struct hsm_changes *changes,
		     const struct hsm_change_entry *entry)
{
	const struct hsm_change_entry *above;

	if (!entry || entry->exists || entry->moved)
		return false;
	/* By an older list something else came to be there. */
	if (changes->image_count > 1 && entry->what & CAME)
		return false;
	above = covering(changes, entry);
	return !above || !above->exists;
}

/*
 * A rename is told as one only where the old name is free now: whoever does what
 * the list says, one line after the other, must not move the wrong file.
 */
static void match_renames(struct hsm_changes *changes)
{
	size_t i;

	for (i = 0; i < changes->count; i++) {
		struct hsm_change_entry *entry = &changes->entries[i], *old;

		if (!entry->exists)
			cover(changes, entry);
		if (!entry->exists || !entry->from_len ||
		    entry->what & HSM_RECORD_CREATE)
			continue;
		old = hsm_changes_find(changes, entry->from, entry->from_len);
		entry->renamed = can_move(changes, old);
		/* By an older list, its content may have changed before. */
		if (entry->renamed && changes->image_count > 1)
			entry->what |= old->what & (HSM_RECORD_MODIFY |
						    HSM_RECORD_ATTRIB);
		if (entry->renamed)
			old->moved = true;
	}
}

int hsm_changes_settle_list(struct hsm_changes *changes)
{
	int ret;

	if (changes->count)
		qsort(changes->entries, changes->count,
		      sizeof(changes->entries[0]), compare);
	join_equal(changes);
	ret = look(changes);
	if (!ret)
		match_renames(changes);
	return ret;
}

bool hsm_changes_rescan(const struct hsm_changes *changes)
{
	return changes->rescan || changes->partial;
}

bool hsm_changes_rescan_all(const struct hsm_changes *changes)
{
	return changes->rescan;
}

const char *hsm_changes_id(const struct hsm_changes *changes)
{
	return changes->id;
}

const char *hsm_changes_since(const struct hsm_changes *changes)
{
	return changes->since;
}

void hsm_changes_rewind(struct hsm_changes *changes)
{
	changes->at = 0;
}

static void set_text(struct hsm_changes *changes,
		     const struct hsm_change_entry *entry,
		     struct hsm_change *out)
{
	char *path = changes->text, *from = path + UINT16_MAX + 1;

	memcpy(path, entry->path, entry->path_len);
	path[entry->path_len] = '\0';
	memcpy(from, entry->from, entry->from_len);
	from[entry->from_len] = '\0';
	out->path = path;
	out->from = entry->renamed ? from : NULL;
}

int hsm_changes_next(struct hsm_changes *changes, struct hsm_change *out)
{
	const struct hsm_change_entry *entry;

	do {
		if (changes->at == changes->count)
			return 0;
		entry = &changes->entries[changes->at++];
	} while (entry->covered);
	set_text(changes, entry, out);
	out->exists = entry->exists;
	out->replaced = entry->replaced;
	out->moved = entry->moved;
	out->renamed = entry->renamed;
	out->rescan = entry->rescan;
	out->created = !entry->renamed && entry->what & CAME;
	out->modified = entry->what & HSM_RECORD_MODIFY;
	out->attributes = entry->what & HSM_RECORD_ATTRIB;
	return 1;
}
