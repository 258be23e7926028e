/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a crawl still has to look at: directories that are to be listed, files
 * whose size a listing did not tell.
 *
 * Memory: HSM_AGENDA_DIRS directories; the rest, and all files, lie in an
 * unlinked file of the store.  No locking: the caller's.
 */
#ifndef HSM_NAMES_AGENDA_H
#define HSM_NAMES_AGENDA_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HSM_AGENDA_DIRS = 4096, HSM_AGENDA_ABOVE = 16 };

/* A directory, with hashes of the listings above it, the nearest first. */
struct hsm_agenda_dir {
	struct hsm_agenda_dir *next;
	uint64_t above[HSM_AGENDA_ABOVE]; /* 0: none, or forgotten */
	char path[];
};

struct hsm_agenda {
	struct hsm_agenda_dir *dirs; /* the last one first: depth before width */
	size_t dir_count;
	int fd;
	uint64_t read, written;
};

/* -errno of making the file. */
int hsm_agenda_open(struct hsm_agenda *agenda, int store_fd);
void hsm_agenda_close(struct hsm_agenda *agenda);

/* A directory for the agenda, `above` all zero; NULL: no memory. */
struct hsm_agenda_dir *hsm_agenda_dir_new(const char *path);

/* Add `dir`, which is the agenda's from here on.  -errno of the file. */
int hsm_agenda_add_dir(struct hsm_agenda *agenda, struct hsm_agenda_dir *dir);
int hsm_agenda_add_file(struct hsm_agenda *agenda, const char *path);

bool hsm_agenda_empty(const struct hsm_agenda *agenda);

/*
 * The next thing: 1, a file, in `path` (of PATH_MAX + 1 bytes); 2, a directory,
 * in `*dir`, for the caller to free; 0, nothing; -errno.
 */
int hsm_agenda_next(struct hsm_agenda *agenda, char *path,
		    struct hsm_agenda_dir **dir);

#endif
