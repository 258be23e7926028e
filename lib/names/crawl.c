// SPDX-License-Identifier: GPL-2.0-or-later
#include "names/crawl.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "local/beneath.h"
#include "local/placeholder.h"
#include "local/seal.h"
#include "names/agenda.h"
#include "names/crew.h"
#include "names/echo.h"
#include "names/entry.h"
#include "names/snapshot.h"

/*
 * A remote directory that contains itself must end somewhere: at this depth, or
 * where one listing has come too often on the way to it (echo.h).  LOUD: so many
 * names that are left out are told, the others are only counted.
 */
enum { DEPTH_MAX = 128, LOUD = 100, JOBS_MAX = 256 };

struct run {
	struct hsm_crawl *crawl;
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct hsm_agenda agenda;
	bool first;   /* a shallow crawl of a directory that was never listed */
	bool trusted; /* the snapshots are of a crawl that came to its end */
	unsigned int active; /* threads that may still add something */
	int error;
};

/* One directory while its listing comes in. */
struct listing {
	struct run *run;
	const char *path;
	int dir_fd;
	struct hsm_snapshot snapshot;
	time_t now;
	uint64_t hash;  /* of all entries, in whatever order */
	unsigned long files;
	bool subdirectories;
	struct hsm_agenda_dir *dirs; /* found, and kept until the hash is known */
	size_t dir_count;
};

static int join(char *out, size_t size, const char *dir, const char *name)
{
	int len = snprintf(out, size, "%s%s%s", dir, *dir ? "/" : "", name);

	return len >= (int)size ? -ENAMETOOLONG : 0;
}

static unsigned int depth(const char *path)
{
	unsigned int n = 0;

	for (; *path; path++)
		n += *path == '/';
	return n;
}

static int add_dir(struct run *run, struct hsm_agenda_dir *dir)
{
	int ret;

	pthread_mutex_lock(&run->lock);
	ret = hsm_agenda_add_dir(&run->agenda, dir);
	pthread_cond_signal(&run->more);
	pthread_mutex_unlock(&run->lock);
	return ret;
}

/* Leave the file `path` to be asked for by itself. */
static int add_file(struct run *run, const char *path)
{
	int ret;

	pthread_mutex_lock(&run->lock);
	ret = hsm_agenda_add_file(&run->agenda, path);
	pthread_cond_signal(&run->more);
	pthread_mutex_unlock(&run->lock);
	return ret;
}

static int skip(struct hsm_crawl *crawl, const char *dir, const char *name,
		const char *why)
{
	unsigned long count = atomic_fetch_add(&crawl->skipped, 1);

	if (count < LOUD)
		hsm_log(crawl->log, HSM_LOG_WARNING, "%s%s%s: left out: %s", dir,
			*dir ? "/" : "", name, why);
	else if (count == LOUD)
		hsm_log(crawl->log, HSM_LOG_WARNING,
			"more names are left out: only counted from here on");
	return 0;
}

/* FNV-1a. */
static uint64_t mix(uint64_t hash, const void *bytes, size_t len)
{
	const unsigned char *at = bytes;

	while (len--)
		hash = (hash ^ *at++) * UINT64_C(1099511628211);
	return hash;
}

static void note_entry(struct listing *listing, const struct hsm_entry *entry)
{
	uint64_t hash = mix(UINT64_C(14695981039346656037), entry->name,
			    strlen(entry->name) + 1);

	hash = mix(hash, &entry->type, sizeof(entry->type));
	hash = mix(hash, &entry->version.size, sizeof(entry->version.size));
	if (entry->type == HSM_ENTRY_FILE) {
		hash = mix(hash, &entry->version.mtime.tv_sec,
			   sizeof(entry->version.mtime.tv_sec));
		listing->files++;
	}
	listing->hash += hash;
}

/*
 * Whether the directory lists what directories above it did, several times, and
 * that has files: a link to itself at the server, which has no end.
 */
static bool is_in_itself(const struct listing *listing,
			 const struct hsm_agenda_dir *dir)
{
	const struct hsm_crawl *crawl = listing->run->crawl;
	unsigned int i, same = 0;

	if (!listing->files)
		return false;
	if (crawl->shallow)
		return hsm_echo_heard(crawl->tree, listing->dir_fd,
				      listing->hash);
	for (i = 0; i < HSM_AGENDA_ABOVE; i++)
		same += dir->above[i] == listing->hash;
	return same >= HSM_ECHO_LOOP;
}

static void free_dirs(struct listing *listing)
{
	while (listing->dirs) {
		struct hsm_agenda_dir *dir = listing->dirs;

		listing->dirs = dir->next;
		free(dir);
	}
}

/* Now or, with too many, before the listing has come to its end. */
static int release_dirs(struct listing *listing, const uint64_t *above)
{
	int ret = 0;

	while (listing->dirs && !ret) {
		struct hsm_agenda_dir *dir = listing->dirs;

		listing->dirs = dir->next;
		if (above) {
			dir->above[0] = listing->hash;
			memcpy(dir->above + 1, above,
			       sizeof(dir->above) - sizeof(dir->above[0]));
		}
		ret = add_dir(listing->run, dir);
	}
	listing->dir_count = 0;
	return ret;
}

static int keep_dir(struct listing *listing, const char *path)
{
	struct hsm_agenda_dir *dir = hsm_agenda_dir_new(path);

	if (!dir)
		return -ENOMEM;
	dir->next = listing->dirs;
	listing->dirs = dir;
	if (++listing->dir_count < HSM_AGENDA_DIRS)
		return 0;
	return release_dirs(listing, NULL);
}

static bool is_here(const struct listing *listing, const char *name)
{
	return faccessat(listing->dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Something is not listed below `fd` any more: note it, up to the root. */
static int mark_below(int fd)
{
	HSM_CLOSE int at = dup(fd);
	unsigned int flags, i;
	int ret = at < 0 ? -errno : 0;

	for (i = 0; !ret && i < DEPTH_MAX; i++) {
		int parent;

		/* Where it is set, it is set above. */
		ret = hsm_mark_read(at, NULL, &flags);
		if (ret == -ENODATA)
			ret = 0;
		if (ret || flags & HSM_FLAG_BELOW)
			break;
		ret = hsm_mark_set(at, HSM_FLAG_BELOW);
		parent = openat(at, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		close(at);
		at = parent;
		if (at < 0)
			return -errno;
	}
	return ret;
}

static int make_directory(struct listing *listing, const char *name,
			  const struct hsm_mark *mark)
{
	struct hsm_crawl *crawl = listing->run->crawl;
	unsigned int flags = crawl->lazy ? HSM_FLAG_UNLISTED | HSM_FLAG_BELOW :
					   0;
	bool grows = crawl->grows && !listing->run->first, made;
	int fd, ret = grows && !is_here(listing, name) ?
		      mark_below(listing->dir_fd) : 0;

	if (ret)
		return ret;
	fd = hsm_placeholder_mkdir(listing->dir_fd, name, mark, flags,
				   listing->run->first, &made);
	if (fd >= 0 && made && grows && crawl->appeared)
		crawl->appeared(crawl->arg, mark->origin);
	return fd;
}

static int take_directory(struct listing *listing, const char *name,
			  const char *path)
{
	struct hsm_crawl *crawl = listing->run->crawl;
	struct hsm_mark mark = { .store = crawl->store_id };
	HSM_CLOSE int fd = -1;

	if (depth(path) >= DEPTH_MAX)
		return skip(crawl, listing->path, name, "nested too deep");
	strcpy(mark.origin, path);
	fd = make_directory(listing, name, &mark);
	if (fd == -ENOTDIR &&
	    (!crawl->lazy || crawl->grows || listing->run->first) &&
	    hsm_crawl_vanish(crawl, listing->dir_fd, name, path) == 0)
		fd = make_directory(listing, name, &mark);
	if (fd == -ENOTDIR)
		return skip(crawl, listing->path, name,
			    "a file of this name is here");
	if (fd < 0)
		return fd;
	atomic_fetch_add(&crawl->directories, 1);
	listing->subdirectories = true;
	return crawl->shallow ? 0 : keep_dir(listing, path);
}

static bool bad_name(const char *name)
{
	return !*name || strchr(name, '/') || !strcmp(name, ".") ||
	       !strcmp(name, "..") || strlen(name) > NAME_MAX;
}

static int take_entry(void *arg, const struct hsm_entry *entry)
{
	struct listing *listing = arg;
	struct hsm_crawl *crawl = listing->run->crawl;
	char path[PATH_MAX];
	int ret = 0;

	if (listing->run->error)
		return -ECANCELED;
	if (entry->type == HSM_ENTRY_SKIPPED)
		return skip(crawl, listing->path, entry->name, entry->target);
	/* Whatever the remote's parser let through: nothing leaves the tree. */
	if (bad_name(entry->name))
		return skip(crawl, listing->path, entry->name,
			    "such a name cannot exist here");
	if (join(path, sizeof(path), listing->path, entry->name) < 0)
		return skip(crawl, listing->path, entry->name,
			    "its path is too long");
	/* See hsm_crawl.grows. */
	if (crawl->lazy && !crawl->grows && !listing->run->first &&
	    entry->type == HSM_ENTRY_DIR && !is_here(listing, entry->name) &&
	    !hsm_snapshot_knows(&listing->snapshot, entry->name))
		return 0;
	note_entry(listing, entry);
	ret = hsm_snapshot_add(&listing->snapshot, entry->name);
	if (ret < 0)
		return ret;
	/* Known before and not here now: it was deleted or renamed here. */
	if (listing->run->trusted &&
	    hsm_snapshot_knows(&listing->snapshot, entry->name) &&
	    !is_here(listing, entry->name))
		return 0;
	switch (entry->type) {
	case HSM_ENTRY_DIR:
		return take_directory(listing, entry->name, path);
	case HSM_ENTRY_SYMLINK:
		if (symlinkat(entry->target, listing->dir_fd, entry->name) < 0 &&
		    errno != EEXIST)
			return -errno;
		return 0;
	default:
		break;
	}
	if (entry->version.size == HSM_SIZE_UNKNOWN)
		return add_file(listing->run, path);
	ret = hsm_crawl_make_file(crawl, listing->dir_fd, path, entry->name,
			&entry->version, entry->mode, listing->now);
	if (ret == -EFBIG || ret == -EINVAL || ret == -E2BIG ||
	    ret == -ENAMETOOLONG)
		return skip(crawl, listing->path, entry->name, strerror(-ret));
	return ret;
}

/* Whether the failure is of one directory or file, and the others are fine. */
static bool local_failure(const char *path, int error)
{
	return *path && (error == -EACCES || error == -ENOENT ||
			 error == -ENOTDIR || error == -EPROTO);
}

static void set_error(struct run *run, const char *path, const char *why,
		      int error)
{
	pthread_mutex_lock(&run->lock);
	if (!run->error) {
		run->error = error;
		snprintf(run->crawl->error, sizeof(run->crawl->error), "%s%s%s",
			 *path && !(why && *why) ? path : "",
			 *path && !(why && *why) ? ": " : "",
			 why && *why ? why : strerror(-error));
	}
	pthread_cond_broadcast(&run->more);
	pthread_mutex_unlock(&run->lock);
}

/* What was listed before and is not now. */
static void take_away(const struct listing *listing)
{
	const struct hsm_crawl *crawl = listing->run->crawl;
	HSM_CLOSEDIR DIR *dir = hsm_fd_list(listing->dir_fd, ".");
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		char path[PATH_MAX];

		if (hsm_snapshot_vanished(&listing->snapshot, entry->d_name) &&
		    join(path, sizeof(path), listing->path, entry->d_name) == 0)
			hsm_crawl_vanish(crawl, listing->dir_fd, entry->d_name, path);
	}
}

static int open_directory(const struct hsm_crawl *crawl, const char *path)
{
	if (crawl->shallow)
		return openat(crawl->only, ".",
			      O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return hsm_beneath_open(crawl->tree, path, O_RDONLY | O_DIRECTORY);
}

/* The listing is complete. */
static int end_listing(struct listing *listing, const struct hsm_agenda_dir *dir)
{
	int ret = hsm_snapshot_finish(&listing->snapshot);

	if (!ret && !listing->run->first)
		take_away(listing);
	if (!ret)
		ret = hsm_snapshot_commit(&listing->snapshot);
	if (!ret && listing->subdirectories && is_in_itself(listing, dir)) {
		skip(listing->run->crawl, "", dir->path,
		     "its directories, for it contains itself");
		return listing->run->crawl->shallow ?
		       hsm_echo_silence(listing->dir_fd) : 0;
	}
	return ret ? ret : release_dirs(listing, dir->above);
}

static void list_directory(struct run *run, struct hsm_conn *conn,
			   const struct hsm_agenda_dir *dir)
{
	struct hsm_crawl *crawl = run->crawl;
	const char *path = dir->path;
	struct listing listing = {
		.run = run, .path = path, .now = time(NULL),
	};
	HSM_CLOSE int dir_fd = open_directory(crawl, path);
	const char *why = "";
	unsigned int flags;
	int ret;

	/* Removed here a moment ago: nothing to list. */
	if (dir_fd < 0)
		return;
	if (crawl->lazy && !crawl->shallow &&
	    (hsm_mark_read(dir_fd, NULL, &flags) || flags & HSM_FLAG_UNLISTED))
		return;
	listing.dir_fd = dir_fd;
	ret = hsm_snapshot_open(&listing.snapshot, crawl->store_fd, path);
	if (!ret) {
		ret = hsm_conn_list(conn, path, take_entry, &listing);
		why = hsm_conn_error(conn);
		if (!ret)
			ret = end_listing(&listing, dir);
		hsm_snapshot_close(&listing.snapshot);
	}
	/* What came before a listing broke off is listed all the same. */
	if (ret && ret != -ECANCELED && local_failure(path, ret))
		release_dirs(&listing, NULL);
	free_dirs(&listing);
	if (!ret || ret == -ECANCELED)
		return;
	if (!crawl->shallow && local_failure(path, ret)) {
		atomic_fetch_add(&crawl->failed, 1);
		hsm_log(crawl->log, HSM_LOG_WARNING, "%s/: not listed: %s", path,
			why && *why ? why : strerror(-ret));
		return;
	}
	set_error(run, path, why, ret);
}

static void ask_for_file(struct run *run, struct hsm_conn *conn,
			 const char *path)
{
	struct hsm_crawl *crawl = run->crawl;
	const char *slash = strrchr(path, '/');
	char dir[PATH_MAX];
	HSM_CLOSE int dir_fd = -1;
	struct hsm_version version;
	int ret = hsm_conn_stat(conn, path, &version);

	if (!ret && version.size == HSM_SIZE_UNKNOWN)
		ret = -EPROTO;
	if (ret) {
		if (local_failure(path, ret))
			skip(crawl, "", path, "the server does not tell its size");
		else
			set_error(run, path, hsm_conn_error(conn), ret);
		return;
	}
	snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash - path) : 0, path);
	dir_fd = open_directory(crawl, dir);
	if (dir_fd < 0)
		return;
	ret = hsm_crawl_make_file(crawl, dir_fd, path,
				  slash ? slash + 1 : path, &version,
				  0, time(NULL));
	if (ret == -EFBIG || ret == -EINVAL || ret == -E2BIG)
		skip(crawl, "", path, strerror(-ret));
	else if (ret)
		set_error(run, path, NULL, ret);
}

static void *thread(void *arg)
{
	struct run *run = arg;
	struct hsm_conn *conn = NULL;
	char path[PATH_MAX + 1];
	int ret = hsm_crawl_take_conn(run->crawl, &conn);

	if (ret < 0)
		set_error(run, "", NULL, ret);
	pthread_mutex_lock(&run->lock);
	while (!run->error) {
		struct hsm_agenda_dir *dir = NULL;

		ret = hsm_agenda_next(&run->agenda, path, &dir);
		if (!ret && !run->active)
			break;
		if (!ret) {
			pthread_cond_wait(&run->more, &run->lock);
			continue;
		}
		run->active++;
		pthread_mutex_unlock(&run->lock);
		if (ret < 0)
			set_error(run, "", NULL, ret);
		else if (dir)
			list_directory(run, conn, dir);
		else
			ask_for_file(run, conn, path);
		free(dir);
		pthread_mutex_lock(&run->lock);
		run->active--;
		pthread_cond_broadcast(&run->more);
	}
	pthread_mutex_unlock(&run->lock);
	hsm_crawl_give_conn(run->crawl, conn);
	return NULL;
}

/* A line a second, until the last thread has nothing to do. */
static void show_progress(struct run *run)
{
	struct hsm_crawl *crawl = run->crawl;
	struct timespec until;

	pthread_mutex_lock(&run->lock);
	while (!run->error &&
	       (run->active || !hsm_agenda_empty(&run->agenda))) {
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_sec++;
		while (!run->error && run->active &&
		       pthread_cond_timedwait(&run->more, &run->lock, &until) !=
			       ETIMEDOUT)
			;
		pthread_mutex_unlock(&run->lock);
		hsm_log(crawl->log, HSM_LOG_INFO,
			"listed %lu files in %lu directories",
			atomic_load(&crawl->files),
			atomic_load(&crawl->directories));
		pthread_mutex_lock(&run->lock);
	}
	pthread_mutex_unlock(&run->lock);
}

static const char complete[] = "listed/complete";

static int begin(struct run *run, struct hsm_crawl *crawl)
{
	struct hsm_agenda_dir *from;
	int ret;

	run->crawl = crawl;
	pthread_mutex_init(&run->lock, NULL);
	pthread_cond_init(&run->more, NULL);
	ret = hsm_agenda_open(&run->agenda, crawl->store_fd);
	if (ret)
		return ret;
	from = hsm_agenda_dir_new(crawl->from);
	return from ? add_dir(run, from) : -ENOMEM;
}

static int start_threads(struct run *run, pthread_t *threads,
			 unsigned int wanted, unsigned int *count)
{
	int ret = 0;

	while (!ret && *count < wanted) {
		ret = -pthread_create(&threads[*count], NULL, thread, run);
		*count += !ret;
	}
	return *count ? 0 : ret;
}

static int end(struct run *run, int ret)
{
	hsm_agenda_close(&run->agenda);
	return ret ? ret : run->error;
}

static unsigned int wanted_threads(const struct hsm_crawl *crawl)
{
	return crawl->jobs > JOBS_MAX ? JOBS_MAX : crawl->jobs;
}

/* List the one directory, then ask for its files of unknown size, many at a
 * time. */
static int list_one(struct run *run)
{
	struct hsm_crawl *crawl = run->crawl;
	pthread_t threads[JOBS_MAX];
	struct hsm_agenda_dir *dir;
	struct hsm_conn *conn;
	unsigned int count = 0;
	int ret = hsm_crawl_take_conn(crawl, &conn);

	if (ret < 0)
		return ret;
	/* begin() has put it there. */
	hsm_agenda_next(&run->agenda, NULL, &dir);
	list_directory(run, conn, dir);
	free(dir);
	hsm_crawl_give_conn(crawl, conn);
	if (!run->error && !hsm_agenda_empty(&run->agenda))
		ret = start_threads(run, threads, wanted_threads(crawl), &count);
	while (count)
		pthread_join(threads[--count], NULL);
	return ret;
}

static int run_shallow(struct hsm_crawl *crawl)
{
	struct run run = { 0 };
	struct stat st;
	unsigned int flags;
	int ret;

	if (fstat(crawl->only, &st) < 0)
		return -errno;
	hsm_crawl_claim(crawl->shared, st.st_ino);
	ret = hsm_mark_read(crawl->only, NULL, &flags);
	run.first = !ret && flags & HSM_FLAG_UNLISTED;
	/* Somebody else has just done it. */
	if (ret || !run.first) {
		hsm_crawl_unclaim(crawl->shared, st.st_ino);
		return ret;
	}
	ret = begin(&run, crawl);
	if (!ret)
		ret = list_one(&run);
	ret = end(&run, ret);
	/* After its names: no crash leaves the one without the other. */
	if (!ret)
		ret = hsm_seal_break(crawl->only);
	if (!ret)
		ret = hsm_mark_clear(crawl->only, HSM_FLAG_UNLISTED);
	hsm_crawl_unclaim(crawl->shared, st.st_ino);
	return ret;
}

int hsm_crawl_trust(int store_fd)
{
	HSM_CLOSE int fd = openat(store_fd, complete,
				  O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	return fd < 0 ? -errno : 0;
}

int hsm_crawl_run(struct hsm_crawl *crawl)
{
	struct run run = { 0 };
	pthread_t threads[JOBS_MAX];
	unsigned int count = 0;
	int ret;

	if (crawl->shallow)
		return run_shallow(crawl);
	ret = begin(&run, crawl);
	/*
	 * A crawl that breaks off has named files in snapshots that it has not
	 * made yet: the next one must not take them for deleted.
	 */
	run.trusted = unlinkat(crawl->store_fd, complete, 0) == 0 || crawl->lazy;
	if (!ret)
		ret = start_threads(&run, threads, wanted_threads(crawl), &count);
	if (count && crawl->progress)
		show_progress(&run);
	while (count)
		pthread_join(threads[--count], NULL);
	ret = end(&run, ret);
	return ret ? ret : hsm_crawl_trust(crawl->store_fd);
}
