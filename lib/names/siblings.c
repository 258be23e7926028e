// SPDX-License-Identifier: GPL-2.0-or-later
#include "names/siblings.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "local/mark.h"

/* After so many it is a walk; so many ahead of it at the end. */
enum { WALKS = 8, WALKED = 3, WINDOW_MAX = 256, THREADS_MAX = 64 };

struct walk {
	ino_t parent;
	DIR *dir;             /* where the listing ahead stands; NULL: at the end */
	unsigned long used;   /* to find the oldest */
	unsigned int read;    /* directories that were read */
	unsigned int ahead;   /* and those that were listed ahead */
	unsigned int active;  /* threads that list for it now */
};

struct hsm_siblings {
	struct hsm_deep deep;
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct walk walks[WALKS];
	unsigned long clock;
};

static bool wants(const struct walk *walk)
{
	unsigned int window = 8 * walk->read;

	if (window > WINDOW_MAX)
		window = WINDOW_MAX;
	return walk->dir && walk->read >= WALKED &&
	       walk->ahead < walk->read + window;
}

/* With the lock held: the next directory that is not listed, or -1. */
static int next_unlisted(struct walk *walk)
{
	struct dirent *entry;

	while ((entry = hsm_fd_entry(walk->dir))) {
		unsigned int flags;
		int fd;

		if (entry->d_type != DT_DIR)
			continue;
		fd = openat(dirfd(walk->dir), entry->d_name, O_RDONLY |
			    O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd >= 0 && hsm_mark_read(fd, NULL, &flags) == 0 &&
		    flags & HSM_FLAG_UNLISTED)
			return fd;
		if (fd >= 0)
			close(fd);
	}
	closedir(walk->dir);
	walk->dir = NULL;
	return -1;
}

static struct walk *next_walk(struct hsm_siblings *siblings)
{
	unsigned int i;

	for (i = 0; i < WALKS; i++)
		if (wants(&siblings->walks[i]))
			return &siblings->walks[i];
	return NULL;
}

static void *list_ahead(void *arg)
{
	struct hsm_siblings *siblings = arg;

	pthread_mutex_lock(&siblings->lock);
	for (;;) {
		struct walk *walk = next_walk(siblings);
		char error[512];
		int fd;

		if (!walk) {
			pthread_cond_wait(&siblings->more, &siblings->lock);
			continue;
		}
		fd = next_unlisted(walk);
		if (fd < 0)
			continue;
		walk->ahead++;
		walk->active++;
		pthread_mutex_unlock(&siblings->lock);
		/* Whoever comes there asks again, and hears of the failure. */
		hsm_deep_list(&siblings->deep, fd, error, sizeof(error));
		close(fd);
		pthread_mutex_lock(&siblings->lock);
		walk->active--;
	}
	return NULL;
}

/* With the lock held: the walk through the directory `parent`. */
static struct walk *find(struct hsm_siblings *siblings, ino_t ino, int *parent)
{
	struct walk *oldest = NULL;
	unsigned int i;

	for (i = 0; i < WALKS; i++) {
		struct walk *walk = &siblings->walks[i];

		if (walk->parent == ino)
			return walk;
		if (!walk->active && (!oldest || walk->used < oldest->used))
			oldest = walk;
	}
	if (!oldest)
		return NULL;
	if (oldest->dir)
		closedir(oldest->dir);
	*oldest = (struct walk){ .parent = ino, .dir = fdopendir(*parent) };
	if (oldest->dir)
		hsm_steal_fd(parent);
	return oldest;
}

void hsm_siblings_note(struct hsm_siblings *siblings, int fd)
{
	HSM_CLOSE int parent = -1;
	struct walk *walk;
	struct stat st;

	if (!siblings)
		return;
	parent = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (parent < 0 || fstat(parent, &st) < 0)
		return;
	pthread_mutex_lock(&siblings->lock);
	walk = find(siblings, st.st_ino, &parent);
	if (walk) {
		walk->used = ++siblings->clock;
		walk->read++;
		if (wants(walk))
			pthread_cond_broadcast(&siblings->more);
	}
	pthread_mutex_unlock(&siblings->lock);
}

struct hsm_siblings *hsm_siblings_start(const struct hsm_deep *deep)
{
	struct hsm_siblings *siblings = calloc(1, sizeof(*siblings));
	unsigned int i, wanted = deep->jobs;
	pthread_t thread;

	if (!siblings)
		return NULL;
	siblings->deep = *deep;
	/* Each thread lists one; files of unknown size come by themselves. */
	siblings->deep.jobs = 2;
	pthread_mutex_init(&siblings->lock, NULL);
	pthread_cond_init(&siblings->more, NULL);
	if (wanted > THREADS_MAX)
		wanted = THREADS_MAX;
	for (i = 0; i < wanted; i++) {
		if (pthread_create(&thread, NULL, list_ahead, siblings))
			break;
		pthread_detach(thread);
	}
	return siblings;
}
