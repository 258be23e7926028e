/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The inodes that the records of a period speak of, and where each directory is
 * now and was when the period began.
 *
 * Records name a directory by its handle, so a path is found when it is needed:
 * by the kernel for what still exists, by the records for what it was before.
 * Memory: about 150 bytes and two paths for each inode.  One thread.
 */
#ifndef HSM_JOURNAL_SUBJECT_H
#define HSM_JOURNAL_SUBJECT_H

#include <stdbool.h>

#include "journal/record.h"

struct hsm_subject {
	struct hsm_subject *next;
	struct hsm_handle handle;
	uint32_t first, all;     /* what the first record said, and all of them */
	uint32_t last;           /* what the last one with a name said */
	bool directory;
	bool nameless;           /* written to before it had a name: O_TMPFILE */
	bool quiet;              /* a directory: not all in it was heard */
	bool away;               /* see hsm_subject_away() */
	unsigned int renames;
	bool attrib_named;       /* attributes changed, by this name */
	bool attrib_unnamed;     /* the same without a name: the count of links */
	bool now_known, was_known, busy;
	char *now, *was;         /* paths, "" for the root; NULL: none */
	/* Borrowed from the records: the first name it has there, which is the one
	 * from before the period unless it was made in it, and the last. */
	struct hsm_handle first_parent, last_parent;
	const char *first_name, *last_name;
	uint16_t first_len, last_len;
	/* The first move that was heard as a whole, and a half from before it. */
	struct hsm_record rename, half;
};

enum { HSM_SUBJECT_BUCKETS = 1 << 14 };

struct hsm_subjects {
	int root;               /* of a private mount of the directory */
	struct hsm_handle root_handle;
	bool moved;             /* any directory was moved, made or removed */
	bool too_deep;          /* a path was longer than PATH_MAX */
	struct hsm_subject *buckets[HSM_SUBJECT_BUCKETS];
};

/* Borrows `root`.  -errno. */
int hsm_subjects_init(struct hsm_subjects *subjects, int root);
void hsm_subjects_free(struct hsm_subjects *subjects);

/* The subject of `handle`; NULL without memory. */
struct hsm_subject *hsm_subject_get(struct hsm_subjects *subjects,
				    const struct hsm_handle *handle);

/*
 * O_TMPFILE: "#" and its number is what the kernel calls it (d_tmpfile()), also
 * when it has got a name, and no name.
 */
bool hsm_record_nameless(const struct hsm_record *record);

/* Learn from a record.  In their order.  -ENOMEM. */
int hsm_subjects_note(struct hsm_subjects *subjects,
		      const struct hsm_record *record);

/*
 * Whether the inode may have been outside for a while, where it was not heard:
 * its content may have changed.
 */
bool hsm_subject_away(const struct hsm_subject *subject);

/*
 * The path of a directory below the root, now, and when the period began; NULL:
 * it is not there, or was not.  Borrowed.
 */
const char *hsm_subject_now(struct hsm_subjects *subjects,
			    const struct hsm_handle *handle);
const char *hsm_subject_was(struct hsm_subjects *subjects,
			    const struct hsm_handle *handle);

/*
 * Where the open directory `fd` is below `root`, as a new string; NULL: not
 * there.  errno is ENAMETOOLONG when it is too deep for a path.
 */
char *hsm_subject_path(int root, int fd);

#endif
