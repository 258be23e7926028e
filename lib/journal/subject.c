// SPDX-License-Identifier: GPL-2.0-or-later
#include "journal/subject.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/fd.h"

static unsigned int bucket_of(const struct hsm_handle *handle)
{
	return hsm_handle_hash(handle) % HSM_SUBJECT_BUCKETS;
}

int hsm_subjects_init(struct hsm_subjects *subjects, int root)
{
	memset(subjects, 0, sizeof(*subjects));
	subjects->root = root;
	return hsm_handle_get(root, &subjects->root_handle);
}

void hsm_subjects_free(struct hsm_subjects *subjects)
{
	unsigned int i;

	for (i = 0; i < HSM_SUBJECT_BUCKETS; i++)
		while (subjects->buckets[i]) {
			struct hsm_subject *subject = subjects->buckets[i];

			subjects->buckets[i] = subject->next;
			free(subject->now);
			free(subject->was);
			free(subject);
		}
}

struct hsm_subject *hsm_subject_get(struct hsm_subjects *subjects,
				    const struct hsm_handle *handle)
{
	struct hsm_subject **at = &subjects->buckets[bucket_of(handle)];
	struct hsm_subject *subject;

	for (subject = *at; subject; subject = subject->next)
		if (hsm_handle_equal(&subject->handle, handle))
			return subject;
	subject = calloc(1, sizeof(*subject));
	if (!subject)
		return NULL;
	subject->handle = *handle;
	subject->next = *at;
	return *at = subject;
}

/* FILEID_INO32_GEN begins with 32 bits, those of xfs and btrfs with 64. */
static bool has_number(const struct hsm_handle *handle, uint64_t number)
{
	uint32_t small;
	uint64_t large;

	memcpy(&small, handle->data, sizeof(small));
	memcpy(&large, handle->data, sizeof(large));
	return handle->bytes && (number == small || number == large);
}

bool hsm_record_nameless(const struct hsm_record *record)
{
	const uint32_t content = HSM_RECORD_MODIFY | HSM_RECORD_ATTRIB |
				 HSM_RECORD_CARRIED | HSM_RECORD_INTENT;
	uint64_t number = 0;
	uint16_t i;

	if (record->what & ~content || record->name_len < 2 ||
	    record->name_len > 21 || record->name[0] != '#')
		return false;
	for (i = 1; i < record->name_len; i++) {
		if (record->name[i] < '0' || record->name[i] > '9')
			return false;
		number = 10 * number + (uint64_t)(record->name[i] - '0');
	}
	return has_number(&record->inode, number);
}

static bool same_place(const struct hsm_handle *a, const char *a_name,
		       uint16_t a_len, const struct hsm_record *b)
{
	return hsm_handle_equal(a, &b->parent) && a_len == b->name_len &&
	       !memcmp(a_name, b->name, a_len);
}

/* Is the half, or are the halves, of the move `whole`? */
static bool belongs(const struct hsm_record *half,
		    const struct hsm_record *whole)
{
	if (half->what & HSM_RECORD_FROM &&
	    !same_place(&whole->parent, whole->name, whole->name_len, half))
		return false;
	return !(half->what & HSM_RECORD_TO) ||
	       same_place(&whole->parent2, whole->name2, whole->name2_len, half);
}

/*
 * Where not all of the file system is of interest a move is heard as a whole and
 * as two halves; but only as a half where the other side is outside and not heard
 * any more.  Equal events are one in the kernel's queue, where the first of them
 * was, so that the halves cannot be counted: after two moves nothing is sure.
 */
static void note_move(struct hsm_subject *subject,
		      const struct hsm_record *record)
{
	const uint32_t halves = HSM_RECORD_FROM | HSM_RECORD_TO;

	if (record->what & HSM_RECORD_RENAME) {
		if (subject->renames++)
			subject->away = true;
		else
			subject->rename = *record;
		if (!belongs(&subject->half, &subject->rename))
			subject->away = true;
		subject->half.what = 0;
	} else if (record->what & halves && subject->renames) {
		if (!belongs(record, &subject->rename))
			subject->away = true;
	} else if (record->what & halves) {
		if (subject->half.what)
			subject->away = true;
		subject->half = *record;
	}
}

bool hsm_subject_away(const struct hsm_subject *subject)
{
	return subject->away || subject->half.what;
}

static void note_name(struct hsm_subject *subject,
		      const struct hsm_record *record)
{
	note_move(subject, record);
	if (!subject->first_len) {
		subject->first_parent = record->parent;
		subject->first_name = record->name;
		subject->first_len = record->name_len;
	}
	if (record->name2_len) {
		subject->last_parent = record->parent2;
		subject->last_name = record->name2;
		subject->last_len = record->name2_len;
	} else {
		subject->last_parent = record->parent;
		subject->last_name = record->name;
		subject->last_len = record->name_len;
	}
	subject->last = record->what;
}

int hsm_subjects_note(struct hsm_subjects *subjects,
		      const struct hsm_record *record)
{
	struct hsm_subject *subject;

	if (!record->inode.bytes)
		return 0;
	subject = hsm_subject_get(subjects, &record->inode);
	if (!subject)
		return -ENOMEM;
	if (record->what & HSM_RECORD_QUIET) {
		subject->directory = subject->quiet = true;
		return 0;
	}
	if (record->what & HSM_RECORD_DIR) {
		subject->directory = true;
		subjects->moved |= !!(record->what & ~(uint32_t)
				      (HSM_RECORD_DIR | HSM_RECORD_ATTRIB |
				       HSM_RECORD_MODIFY));
	}
	/* What happens to a directory itself has the name ".". */
	if (record->what & HSM_RECORD_DIR && record->name_len == 1 &&
	    record->name[0] == '.') {
		subject->all |= record->what;
		return 0;
	}
	subject->all |= record->what;
	/* Where it was opened; others know where it is, and was. */
	if (record->what & HSM_RECORD_INTENT && subject->last_len)
		return 0;
	if (hsm_record_nameless(record)) {
		subject->nameless = true;
		return 0;
	}
	if (!subject->first)
		subject->first = record->what;
	if (record->what & HSM_RECORD_ATTRIB && record->name_len)
		subject->attrib_named = true;
	else if (record->what & HSM_RECORD_ATTRIB)
		subject->attrib_unnamed = true;
	if (record->name_len)
		note_name(subject, record);
	return 0;
}

char *hsm_subject_path(int root, int fd)
{
	char path[PATH_MAX], last[PATH_MAX] = "";
	struct stat here, there;
	unsigned int same = 0;

	if (fstat(fd, &here) < 0)
		return NULL;
	/*
	 * Of what lies outside the mount the kernel tells some path, too.  But
	 * something else at the path, or nothing, may also mean that the
	 * directory was moved at this very moment: then it has another one now.
	 */
	while (same < 3 && hsm_fd_path(fd, path) && path[0] == '/') {
		if (fstatat(root, path[1] ? path + 1 : ".", &there,
			    AT_SYMLINK_NOFOLLOW) == 0 &&
		    here.st_ino == there.st_ino && here.st_dev == there.st_dev)
			return strdup(path + 1);
		same = strcmp(path, last) ? 1 : same + 1;
		strcpy(last, path);
	}
	return NULL;
}

const char *hsm_subject_now(struct hsm_subjects *subjects,
			    const struct hsm_handle *handle)
{
	struct hsm_subject *subject = hsm_subject_get(subjects, handle);

	if (!subject)
		return NULL;
	if (!subject->now_known) {
		HSM_CLOSE int fd = hsm_handle_open(subjects->root, handle,
						   O_PATH | O_DIRECTORY);

		subject->now_known = true;
		if (fd >= 0)
			subject->now = hsm_subject_path(subjects->root, fd);
		if (fd >= 0 && !subject->now && errno == ENAMETOOLONG)
			subjects->too_deep = true;
	}
	return subject->now;
}

static char *join(const char *dir, const char *name, size_t len)
{
	char *path = NULL;

	if (dir && asprintf(&path, "%s%s%.*s", dir, *dir ? "/" : "", (int)len,
			    name) < 0)
		path = NULL;
	return path;
}

/* No record moved it: it has the name it had, wherever its parent was. */
static char *was_unmoved(struct hsm_subjects *subjects,
			 const struct hsm_subject *subject)
{
	const char *now = hsm_subject_now(subjects, &subject->handle), *base;
	HSM_CLOSE int fd = -1;
	HSM_CLOSE int above = -1;
	struct hsm_handle parent;

	if (!now || !*now || !subjects->moved)
		return now ? strdup(now) : NULL;
	fd = hsm_handle_open(subjects->root, &subject->handle,
			     O_PATH | O_DIRECTORY);
	above = fd < 0 ? -1 : openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (above < 0 || hsm_handle_get(above, &parent) < 0)
		return NULL;
	base = strrchr(now, '/');
	base = base ? base + 1 : now;
	return join(hsm_subject_was(subjects, &parent), base, strlen(base));
}

const char *hsm_subject_was(struct hsm_subjects *subjects,
			    const struct hsm_handle *handle)
{
	const uint32_t born = HSM_RECORD_CREATE | HSM_RECORD_TO;
	struct hsm_subject *subject = hsm_subject_get(subjects, handle);

	/* Busy: records that contradict each other must not hang us. */
	if (!subject || subject->busy)
		return NULL;
	if (subject->was_known)
		return subject->was;
	subject->busy = true;
	if (hsm_handle_equal(handle, &subjects->root_handle))
		subject->was = strdup("");
	else if (!subject->first)
		subject->was = was_unmoved(subjects, subject);
	else if (!(subject->first & born) && subject->first_len)
		subject->was = join(hsm_subject_was(subjects,
						    &subject->first_parent),
				    subject->first_name, subject->first_len);
	subject->busy = false;
	subject->was_known = true;
	return subject->was;
}
