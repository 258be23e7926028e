// SPDX-License-Identifier: GPL-2.0-or-later
#include "engine/ahead.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "local/beneath.h"

enum { NOTES = 256, WALKED = 2, UNWATCHED = 8 };

/* A directory that somebody seems to walk. */
struct walk {
	char *path;
	char last[NAME_MAX + 1]; /* the file opened last */
	unsigned int opened;     /* files, one after the other */
	unsigned long used;      /* for finding the oldest */
	DIR *dir;                /* where the read-ahead stands */
	bool finished;
	unsigned int count;      /* read ahead so far */
};

struct note {
	char *origin;
	bool missing;
};

struct hsm_ahead {
	struct hsm_engine *engine;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct note notes[NOTES];
	unsigned int first, len;
	bool stop;
	/* from here on the thread's own, but for what is on its way */
	struct walk walks[HSM_AHEAD_WALKS];
	unsigned long clock;
	unsigned int files;      /* on their way; under the lock */
	uint64_t bytes;
};

/* A file that is being fetched ahead: open, so that nobody evicts it before its
 * reader can find it complete. */
struct fetch {
	struct hsm_ahead *ahead;
	int fd;
	uint64_t bytes;
	bool quiet;
};

static void fetched(void *arg, int error)
{
	struct fetch *fetch = arg;
	struct hsm_ahead *ahead = fetch->ahead;
	struct hsm_engine *engine = ahead->engine;
	struct hsm_facts facts;

	/*
	 * Complete: its reader need not ask.  Every few files one does, so that
	 * we hear how far the walk is.
	 */
	if (!error && fetch->quiet &&
	    hsm_inspect(fetch->fd, engine->store_id, &facts) == 0 &&
	    facts.ours && facts.content == HSM_CONTENT_ALL &&
	    !hsm_facts_resized(&facts))
		hsm_watch_quiet(&engine->watch, fetch->fd,
				HSM_QUIET_UNMODIFIED);
	close(fetch->fd);
	pthread_mutex_lock(&ahead->lock);
	ahead->files--;
	ahead->bytes -= fetch->bytes;
	pthread_mutex_unlock(&ahead->lock);
	free(fetch);
}

static void submit(struct hsm_ahead *ahead, int fd,
		   struct hsm_facts *facts, bool quiet)
{
	struct hsm_waiter *waiter = calloc(1, sizeof(*waiter));
	struct fetch *fetch = malloc(sizeof(*fetch));
	struct hsm_handle handle;

	if (!waiter || !fetch || hsm_handle_get(fd, &handle) < 0) {
		free(waiter);
		free(fetch);
		close(fd);
		return;
	}
	*fetch = (struct fetch){
		ahead, fd, (uint64_t)facts->st.st_size, quiet,
	};
	waiter->whole = true;
	waiter->ahead = true;
	waiter->done = fetched;
	waiter->arg = fetch;
	pthread_mutex_lock(&ahead->lock);
	ahead->files++;
	ahead->bytes += fetch->bytes;
	pthread_mutex_unlock(&ahead->lock);
	hsm_engine_submit(ahead->engine, &handle, fd, facts, waiter);
}

/* Fetch the file if nothing of it is here and nobody waits for it anyway. */
static void fetch_file(struct hsm_ahead *ahead, struct walk *walk,
		       const char *name)
{
	struct hsm_engine *engine = ahead->engine;
	HSM_CLOSE int fd = -1;
	struct hsm_facts facts;
	struct stat st;

	if (fstatat(dirfd(walk->dir), name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !S_ISREG(st.st_mode) || st.st_blocks || !st.st_size ||
	    st.st_size > engine->policy.stream_above)
		return;
	fd = openat(dirfd(walk->dir), name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK |
		    O_NOATIME | O_CLOEXEC);
	if (fd < 0 || hsm_inspect(fd, engine->store_id, &facts) < 0 ||
	    !facts.ours || facts.content != HSM_CONTENT_NONE ||
	    facts.flags & (HSM_FLAG_DIRTY | HSM_FLAG_WHOLE | HSM_FLAG_STALE |
			   HSM_FLAG_LOST | HSM_FLAG_EVICT | HSM_FLAG_STREAM) ||
	    hsm_facts_resized(&facts))
		return;
	submit(ahead, hsm_steal_fd(&fd), &facts,
	       ++walk->count % UNWATCHED != 0);
}

static bool room(struct hsm_ahead *ahead)
{
	bool result;

	pthread_mutex_lock(&ahead->lock);
	result = ahead->files < (unsigned int)ahead->engine->read_ahead_files &&
		 ahead->bytes < HSM_AHEAD_BYTES && !ahead->stop;
	pthread_mutex_unlock(&ahead->lock);
	return result;
}

static void read_ahead(struct hsm_ahead *ahead, struct walk *walk)
{
	if (!walk->dir) {
		int fd = hsm_beneath_open(ahead->engine->watch.root, walk->path,
					  O_RDONLY | O_DIRECTORY);

		walk->dir = fd < 0 ? NULL : fdopendir(fd);
		if (!walk->dir && fd >= 0)
			close(fd);
	}
	while (walk->dir && room(ahead)) {
		struct dirent *entry = readdir(walk->dir);

		if (!entry) {
			closedir(walk->dir);
			walk->dir = NULL;
			walk->finished = true;
			return;
		}
		if (entry->d_type == DT_REG || entry->d_type == DT_UNKNOWN)
			fetch_file(ahead, walk, entry->d_name);
	}
}

static void forget(struct walk *walk)
{
	if (walk->dir)
		closedir(walk->dir);
	free(walk->path);
	memset(walk, 0, sizeof(*walk));
}

static size_t parent_length(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (size_t)(slash - path) : 0;
}

static bool neighbours(const char *a, const char *b)
{
	size_t len = parent_length(a);

	return len == parent_length(b) && !strncmp(a, b, len);
}

/* The walk of the directory `path`; NULL: none, and `missing` does not ask. */
static struct walk *find_walk(struct hsm_ahead *ahead, const char *path,
			      bool missing)
{
	struct walk *oldest = &ahead->walks[0];
	bool inherited = false;
	unsigned int i;

	for (i = 0; i < HSM_AHEAD_WALKS; i++) {
		struct walk *walk = &ahead->walks[i];

		if (walk->path && !strcmp(walk->path, path))
			return walk;
		if (walk->path && walk->opened >= WALKED &&
		    neighbours(walk->path, path))
			inherited = true;
		if (walk->used < oldest->used)
			oldest = walk;
	}
	if (!missing)
		return NULL;
	forget(oldest);
	oldest->path = strdup(path);
	oldest->opened = inherited ? WALKED - 1 : 0;
	return oldest->path ? oldest : NULL;
}

static void look_at(struct hsm_ahead *ahead, const struct note *note)
{
	const char *slash = strrchr(note->origin, '/');
	const char *name = slash ? slash + 1 : note->origin;
	char path[PATH_MAX];
	struct walk *walk;

	memcpy(path, note->origin, parent_length(note->origin));
	path[parent_length(note->origin)] = '\0';
	walk = find_walk(ahead, path, note->missing);
	if (!walk)
		return;
	walk->used = ++ahead->clock;
	if (strcmp(walk->last, name)) {
		strcpy(walk->last, name);
		walk->opened++;
	}
	/* Files of a finished walk that are missing again were evicted. */
	if (walk->finished && note->missing) {
		walk->finished = false;
		walk->opened = 1;
		return;
	}
	if (walk->opened >= WALKED && !walk->finished)
		read_ahead(ahead, walk);
}

static void *run(void *arg)
{
	struct hsm_ahead *ahead = arg;

	pthread_mutex_lock(&ahead->lock);
	while (!ahead->stop) {
		struct note note;

		if (!ahead->len) {
			pthread_cond_wait(&ahead->more, &ahead->lock);
			continue;
		}
		note = ahead->notes[ahead->first];
		ahead->first = (ahead->first + 1) % NOTES;
		ahead->len--;
		pthread_mutex_unlock(&ahead->lock);
		look_at(ahead, &note);
		free(note.origin);
		pthread_mutex_lock(&ahead->lock);
	}
	pthread_mutex_unlock(&ahead->lock);
	return NULL;
}

void hsm_ahead_note(struct hsm_engine *engine, const char *origin, bool missing)
{
	struct hsm_ahead *ahead = engine->ahead;
	struct note note = { .missing = missing };

	if (!ahead || !(note.origin = strdup(origin)))
		return;
	pthread_mutex_lock(&ahead->lock);
	if (ahead->len < NOTES) {
		ahead->notes[(ahead->first + ahead->len++) % NOTES] = note;
		note.origin = NULL;
		pthread_cond_signal(&ahead->more);
	}
	pthread_mutex_unlock(&ahead->lock);
	/* Many at a time are no walk. */
	free(note.origin);
}

int hsm_ahead_start(struct hsm_engine *engine)
{
	struct hsm_ahead *ahead;
	int ret;

	if (engine->read_ahead_files <= 0)
		return 0;
	ahead = calloc(1, sizeof(*ahead));
	if (!ahead)
		return -ENOMEM;
	ahead->engine = engine;
	pthread_mutex_init(&ahead->lock, NULL);
	pthread_cond_init(&ahead->more, NULL);
	ret = -pthread_create(&ahead->thread, NULL, run, ahead);
	if (ret) {
		free(ahead);
		return ret;
	}
	engine->ahead = ahead;
	return 0;
}

void hsm_ahead_stop(struct hsm_engine *engine)
{
	struct hsm_ahead *ahead = engine->ahead;

	if (!ahead)
		return;
	pthread_mutex_lock(&ahead->lock);
	ahead->stop = true;
	pthread_cond_signal(&ahead->more);
	pthread_mutex_unlock(&ahead->lock);
	pthread_join(ahead->thread, NULL);
}
