// SPDX-License-Identifier: GPL-2.0-or-later
#include "journal/resolve.h"

#include <errno.h>
#include <limits.h>
#include <linux/btrfs_tree.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "journal/inodes.h"
#include "journal/subject.h"

struct run {
	struct hsm_resolve *to;
	struct hsm_subjects subjects;
	bool unknown; /* what became of a directory */
	int error;
};

static bool hidden(const struct run *run, const char *path)
{
	const char *hide = run->to->hide;
	size_t len = hide ? strlen(hide) : 0;

	return hide && !strncmp(path, hide, len) &&
	       (path[len] == '\0' || path[len] == '/');
}

static void add(struct run *run, uint32_t what, const char *path,
		const char *from)
{
	struct hsm_record record = { .what = what };
	size_t len = strlen(path), from_len = from ? strlen(from) : 0;
	int ret;

	if (hidden(run, path))
		return;
	if (len > UINT16_MAX || from_len > UINT16_MAX) {
		run->error = -ENAMETOOLONG;
		return;
	}
	record.name = *path ? path : ".";
	record.name_len = (uint16_t)(*path ? len : 1);
	record.name2 = from;
	record.name2_len = (uint16_t)from_len;
	ret = hsm_log_file_add(run->to->list, &record);
	if (ret < 0)
		run->error = ret;
}

/* "dir/name", or NULL when there is no such directory. */
static char *join(struct run *run, const char *dir, const char *name, size_t len)
{
	char *path;

	if (!dir)
		return NULL;
	/* What happened to the directory itself. */
	if (len == 1 && name[0] == '.')
		len = 0;
	if (asprintf(&path, "%s%s%.*s", dir, *dir && len ? "/" : "", (int)len,
		     name) < 0) {
		run->error = -ENOMEM;
		return NULL;
	}
	return path;
}

/* One name: where it is now, and where a consumer knows it. */
static void touch(struct run *run, uint32_t what,
		  const struct hsm_handle *parent, const char *name, size_t len,
		  const char *from)
{
	HSM_FREE char *now = join(run, hsm_subject_now(&run->subjects, parent),
				  name, len);
	HSM_FREE char *was = join(run, hsm_subject_was(&run->subjects, parent),
				  name, len);

	if (now)
		add(run, what, now, from);
	if (was && (!now || strcmp(now, was)))
		add(run, HSM_RECORD_FROM, was, NULL);
}

/*
 * A rename for who knows the object by an older name: which one, and what else
 * happened to it under that.  One that is new is as good as made here.
 */
static void touch_new_name(struct run *run, const struct hsm_record *record,
			   uint32_t what)
{
	const struct hsm_subject *subject = NULL;
	HSM_FREE char *from = NULL;

	if (record->inode.bytes)
		subject = hsm_subject_get(&run->subjects, &record->inode);
	if (subject && subject->first & HSM_RECORD_CREATE)
		what |= HSM_RECORD_CREATE;
	else if (subject)
		from = join(run, hsm_subject_was(&run->subjects,
						 &subject->first_parent),
			    subject->first_name, subject->first_len);
	if (subject && !subject->directory && !run->to->whole &&
	    hsm_subject_away(subject))
		what |= HSM_RECORD_MODIFY | HSM_RECORD_ATTRIB;
	if (subject && !subject->directory)
		what |= subject->all & (HSM_RECORD_MODIFY | HSM_RECORD_ATTRIB);
	if (record->name2_len)
		touch(run, what, &record->parent2, record->name2,
		      record->name2_len, from);
	else
		touch(run, what, &record->parent, record->name,
		      record->name_len, from);
}

static void touch_record(struct run *run, const struct hsm_record *record)
{
	const uint32_t gone = HSM_RECORD_RENAME | HSM_RECORD_FROM;
	const uint32_t kind = HSM_RECORD_DIR;
	uint32_t what = record->what;

	if (!record->parent.bytes || !record->name_len ||
	    hsm_record_nameless(record))
		return;
	if (what & HSM_RECORD_TO)
		touch_new_name(run, record, what);
	else if (what & gone)
		touch(run, HSM_RECORD_FROM | (what & kind), &record->parent,
		      record->name, record->name_len, NULL);
	else
		touch(run, what, &record->parent, record->name,
		      record->name_len, NULL);
	if (record->name2_len)
		touch_new_name(run, record, what);
}

/* Everything below `fd` at `now` and at `was` (either may be NULL). */
static void expand(struct run *run, int fd, const char *now, const char *was)
{
	HSM_CLOSEDIR DIR *dir = hsm_fd_list(fd, ".");
	struct dirent *entry;

	while (dir && (entry = hsm_fd_entry(dir)) && !run->error) {
		const char *name = entry->d_name;
		HSM_FREE char *here = NULL, *there = NULL;
		HSM_CLOSE int inner = -1;

		here = join(run, now, name, strlen(name));
		there = join(run, was, name, strlen(name));
		if (here)
			add(run, there ? HSM_RECORD_RENAME : HSM_RECORD_CREATE,
			    here, there);
		if (there)
			add(run, HSM_RECORD_FROM, there, NULL);
		if (entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN)
			continue;
		inner = openat(dirfd(dir), name, O_PATH | O_DIRECTORY |
			       O_NOFOLLOW | O_CLOEXEC);
		if (inner >= 0)
			expand(run, inner, here, there);
	}
}

/*
 * Gone: do records say all that was removed from it?  They do when its own end was
 * heard, or when it was gone before the group was read: it had to be emptied, and
 * each removal is queued with the directory locked (vfs_unlink(), vfs_rename()).
 */
static bool emptied(struct run *run, const struct hsm_subject *subject)
{
	struct hsm_resolve *to = run->to;
	unsigned int i;

	if (to->whole || subject->all & HSM_RECORD_DELETE)
		return true;
	for (i = 0; i < to->gone_count; i++)
		if (hsm_handle_equal(&to->gone[i], &subject->handle))
			return true;
	if (!to->final && to->gone_count < HSM_RESOLVE_GONE)
		to->gone[to->gone_count++] = subject->handle;
	return false;
}

/* One that was outside, and not heard all the time: names may have gone from it. */
static void add_quiet(struct run *run, const struct hsm_subject *subject)
{
	const char *now = hsm_subject_now(&run->subjects, &subject->handle);
	const char *was = hsm_subject_was(&run->subjects, &subject->handle);
	HSM_CLOSE int fd = -1;

	if (was)
		add(run, HSM_RECORD_FROM | HSM_RECORD_UNKNOWN, was, NULL);
	if (!now)
		return;
	fd = hsm_handle_open(run->to->root, &subject->handle,
			     O_PATH | O_DIRECTORY);
	if (fd >= 0)
		expand(run, fd, now, NULL);
}

/*
 * Of btrfs, the top of a subvolume: one that is a snapshot comes with all that is
 * in it, in one event.
 */
static bool is_subvolume(const struct hsm_handle *handle)
{
	enum { FILEID_BTRFS_WITHOUT_PARENT = 0x4d }; /* exportfs.h */
	uint64_t number;

	memcpy(&number, handle->data, sizeof(number));
	return handle->type == FILEID_BTRFS_WITHOUT_PARENT &&
	       number == BTRFS_FIRST_FREE_OBJECTID;
}

/* A directory that came, went or moved with all that is below it. */
static void expand_moved(struct run *run, const struct hsm_subject *subject)
{
	const uint32_t moves = HSM_RECORD_RENAME | HSM_RECORD_FROM |
			       HSM_RECORD_TO;
	bool came = subject->all & moves;
	const char *now, *was;
	HSM_CLOSE int fd = -1;

	if (subject->quiet)
		add_quiet(run, subject);
	if (subject->all & HSM_RECORD_CREATE && is_subvolume(&subject->handle))
		came = true;
	if (!subject->directory || !came)
		return;
	now = hsm_subject_now(&run->subjects, &subject->handle);
	was = hsm_subject_was(&run->subjects, &subject->handle);
	if (!now && !was)
		return;
	/* Back where it was; who knows what was done to it outside. */
	if (now && was && !strcmp(now, was)) {
		if (run->to->whole)
			return;
		was = NULL;
	}
	fd = hsm_handle_open(run->to->root, &subject->handle,
			     O_PATH | O_DIRECTORY);
	if (fd >= 0)
		expand(run, fd, now, was);
	else if (was && !emptied(run, subject)) {
		add(run, HSM_RECORD_FROM | HSM_RECORD_UNKNOWN, was, NULL);
		run->unknown = true;
	}
}

/* All names of the inodes that have more than the records know. */
static void add_links(struct run *run, struct hsm_inodes *inodes, int fd,
		      const char *path)
{
	HSM_CLOSEDIR DIR *dir = hsm_fd_list(fd, ".");
	struct dirent *entry;

	while (dir && (entry = hsm_fd_entry(dir)) && !run->error) {
		const char *name = entry->d_name;
		HSM_FREE char *here = NULL;
		HSM_CLOSE int inner = -1;

		if (entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN)
			inner = openat(dirfd(dir), name, O_PATH | O_DIRECTORY |
				       O_NOFOLLOW | O_CLOEXEC);
		if (inner < 0 && !hsm_inodes_has(inodes, entry->d_ino))
			continue;
		here = join(run, path, name, strlen(name));
		if (here && inner >= 0)
			add_links(run, inodes, inner, here);
		else if (here)
			add(run, HSM_RECORD_MODIFY, here, NULL);
	}
}

/*
 * Moved since the last record: the next list must say what was done to it, too.
 */
static bool displaced(struct run *run, const struct hsm_subject *subject,
		      ino_t number)
{
	const uint32_t gone = HSM_RECORD_DELETE | HSM_RECORD_FROM;
	const uint32_t came = HSM_RECORD_CREATE | HSM_RECORD_TO;
	HSM_FREE char *path = NULL;
	struct stat st;

	if (!(subject->all & (HSM_RECORD_MODIFY | HSM_RECORD_ATTRIB)) ||
	    !subject->last_len)
		return false;
	/* It has another name, or is outside: records said that much.  (What
	 * was carried once is not for ever.) */
	if ((subject->last & gone && !(subject->last & came)) ||
	    subject->last & HSM_RECORD_CARRIED)
		return false;
	path = join(run, hsm_subject_now(&run->subjects, &subject->last_parent),
		    subject->last_name, subject->last_len);
	return !path || fstatat(run->to->root, path, &st,
				AT_SYMLINK_NOFOLLOW) < 0 || st.st_ino != number;
}

static void carry(struct run *run, const struct hsm_subject *subject)
{
	struct hsm_record record = {
		.what = HSM_RECORD_CARRIED |
			(subject->all & HSM_RECORD_ATTRIB) | HSM_RECORD_MODIFY,
		.parent = subject->last_parent, .inode = subject->handle,
		.name = subject->last_name, .name_len = subject->last_len,
	};
	int ret = hsm_log_file_add(run->to->carry, &record);

	if (ret < 0)
		run->error = ret;
}

/* The files: who is still written to, and which have names beyond these? */
static void look_at_files(struct run *run)
{
	struct hsm_inodes inodes = { .root = run->to->root,
				     .began = run->to->began };
	unsigned int i;

	for (i = 0; i < HSM_SUBJECT_BUCKETS && !run->error; i++) {
		const struct hsm_subject *subject = run->subjects.buckets[i];

		for (; subject && !run->error; subject = subject->next) {
			ino_t number = 0;
			int ret = hsm_inodes_look(&inodes, subject,
						  run->to->carry != NULL,
						  &number);

			if (ret < 0)
				run->error = ret;
			else if (run->to->carry && number &&
				 (ret || displaced(run, subject, number)))
				carry(run, subject);
		}
	}
	if (inodes.count && !run->error)
		add_links(run, &inodes, run->to->root, "");
	hsm_inodes_free(&inodes);
}

static void each_record(struct run *run, struct hsm_log_image *images,
			unsigned int count,
			void (*fn)(struct run *, const struct hsm_record *))
{
	struct hsm_record record;
	unsigned int i;

	for (i = 0; i < count; i++) {
		images[i].pos = 0;
		while (!run->error &&
		       hsm_log_image_next(&images[i], &record) == 1)
			fn(run, &record);
	}
}

static void note(struct run *run, const struct hsm_record *record)
{
	int ret = hsm_subjects_note(&run->subjects, record);

	if (ret < 0)
		run->error = ret;
}

static void expand_all(struct run *run)
{
	unsigned int i;

	for (i = 0; i < HSM_SUBJECT_BUCKETS && !run->error; i++) {
		const struct hsm_subject *subject = run->subjects.buckets[i];

		for (; subject; subject = subject->next)
			expand_moved(run, subject);
	}
	if (run->unknown && !run->to->final && !run->error)
		run->error = -EAGAIN;
}

int hsm_resolve_run(struct hsm_resolve *resolve,
		    struct hsm_log_image *images, unsigned int count)
{
	struct run *run = calloc(1, sizeof(*run));
	int ret;

	if (!run)
		return -ENOMEM;
	run->to = resolve;
	run->error = hsm_subjects_init(&run->subjects, resolve->root);
	each_record(run, images, count, note);
	each_record(run, images, count, touch_record);
	if (!run->error)
		expand_all(run);
	if (!run->error)
		look_at_files(run);
	if (!run->error && run->subjects.too_deep)
		run->error = -ENAMETOOLONG;
	ret = run->error;
	hsm_subjects_free(&run->subjects);
	free(run);
	return ret;
}
