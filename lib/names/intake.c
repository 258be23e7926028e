// SPDX-License-Identifier: GPL-2.0-or-later
#include "names/intake.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "names/directory.h"
#include "names/echo.h"
#include "names/entry.h"
#include "names/snapshot.h"

/* One directory while its listing comes in. */
struct intake {
	struct hsm_run *run;
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

static int skip(const struct intake *intake, const char *name, const char *why)
{
	return hsm_run_skip(intake->run->crawl, intake->path, name, why);
}

static unsigned int depth(const char *path)
{
	unsigned int n = 0;

	for (; *path; path++)
		n += *path == '/';
	return n;
}

/*
 * Whether the directory lists what directories above it did, several times, and
 * that has files: a link to itself at the server, which has no end.
 */
static bool is_in_itself(const struct intake *intake,
			 const struct hsm_agenda_dir *dir)
{
	const struct hsm_crawl *crawl = intake->run->crawl;
	unsigned int i, same = 0;

	if (!intake->files)
		return false;
	if (crawl->shallow)
		return hsm_echo_heard(crawl->tree, intake->dir_fd,
				      intake->hash);
	for (i = 0; i < HSM_AGENDA_ABOVE; i++)
		same += dir->above[i] == intake->hash;
	return same >= HSM_ECHO_LOOP;
}

static void free_dirs(struct intake *intake)
{
	while (intake->dirs) {
		struct hsm_agenda_dir *dir = intake->dirs;

		intake->dirs = dir->next;
		free(dir);
	}
}

/* Now or, with too many, before the listing has come to its end. */
static int release_dirs(struct intake *intake, const uint64_t *above)
{
	int ret = 0;

	while (intake->dirs && !ret) {
		struct hsm_agenda_dir *dir = intake->dirs;

		intake->dirs = dir->next;
		if (above) {
			dir->above[0] = intake->hash;
			memcpy(dir->above + 1, above,
			       sizeof(dir->above) - sizeof(dir->above[0]));
		}
		ret = hsm_run_add_dir(intake->run, dir);
	}
	intake->dir_count = 0;
	return ret;
}

static int keep_dir(struct intake *intake, const char *path)
{
	struct hsm_agenda_dir *dir = hsm_agenda_dir_new(path);

	if (!dir)
		return -ENOMEM;
	dir->next = intake->dirs;
	intake->dirs = dir;
	if (++intake->dir_count < HSM_AGENDA_DIRS)
		return 0;
	return release_dirs(intake, NULL);
}

static int take_directory(struct intake *intake, const char *name,
			  const char *path)
{
	struct hsm_crawl *crawl = intake->run->crawl;
	struct hsm_mark mark = { .store = crawl->store_id };
	HSM_CLOSE int fd = -1;

	if (depth(path) >= HSM_RUN_DEPTH)
		return skip(intake, name, "nested too deep");
	strcpy(mark.origin, path);
	fd = hsm_directory_make(intake->run, intake->dir_fd, name, &mark);
	if (fd == -ENOTDIR &&
	    (!crawl->lazy || crawl->grows || intake->run->first) &&
	    hsm_entry_vanish(crawl, intake->dir_fd, name, path) == 0)
		fd = hsm_directory_make(intake->run, intake->dir_fd, name, &mark);
	if (fd == -ENOTDIR)
		return skip(intake, name, "a file of this name is here");
	if (fd < 0)
		return fd;
	atomic_fetch_add(&crawl->directories, 1);
	intake->subdirectories = true;
	return crawl->shallow ? 0 : keep_dir(intake, path);
}

static bool bad_name(const char *name)
{
	return !*name || strchr(name, '/') || !strcmp(name, ".") ||
	       !strcmp(name, "..") || strlen(name) > NAME_MAX;
}

/* One that is neither known as deleted nor left out. */
static int make_entry(struct intake *intake, const struct hsm_entry *entry,
		      const char *path)
{
	int ret;

	switch (entry->type) {
	case HSM_ENTRY_DIR:
		return take_directory(intake, entry->name, path);
	case HSM_ENTRY_SYMLINK:
		return symlinkat(entry->target, intake->dir_fd,
				 entry->name) < 0 && errno != EEXIST ?
		       -errno : 0;
	default:
		break;
	}
	if (entry->version.size == HSM_SIZE_UNKNOWN)
		return hsm_run_add_file(intake->run, path);
	ret = hsm_entry_make_file(intake->run->crawl, intake->dir_fd, path,
				  entry->name, &entry->version, entry->mode,
				  intake->now);
	if (ret == -EFBIG || ret == -EINVAL || ret == -E2BIG ||
	    ret == -ENAMETOOLONG)
		return skip(intake, entry->name, strerror(-ret));
	return ret;
}

static int take_entry(void *arg, const struct hsm_entry *entry)
{
	struct intake *intake = arg;
	const struct hsm_crawl *crawl = intake->run->crawl;
	const char *name = entry->name;
	char path[PATH_MAX];
	bool known;
	int ret;

	if (intake->run->error)
		return -ECANCELED;
	if (entry->type == HSM_ENTRY_SKIPPED)
		return skip(intake, name, entry->target);
	/* Whatever the remote's parser let through: nothing leaves the tree. */
	if (bad_name(name))
		return skip(intake, name, "such a name cannot exist here");
	if (join(path, sizeof(path), intake->path, name) < 0)
		return skip(intake, name, "its path is too long");
	known = hsm_snapshot_knows(&intake->snapshot, name);
	/* See hsm_crawl.grows. */
	if (crawl->lazy && !crawl->grows && !intake->run->first &&
	    entry->type == HSM_ENTRY_DIR && !known &&
	    !hsm_directory_has(intake->dir_fd, name))
		return 0;
	intake->hash += hsm_echo_hash(entry);
	intake->files += entry->type == HSM_ENTRY_FILE;
	ret = hsm_snapshot_add(&intake->snapshot, name);
	if (ret < 0)
		return ret;
	/* Known before and not here now: it was deleted or renamed here. */
	if (intake->run->trusted && known &&
	    !hsm_directory_has(intake->dir_fd, name))
		return 0;
	return make_entry(intake, entry, path);
}

/* What was listed before and is not now. */
static void take_away(const struct intake *intake)
{
	const struct hsm_crawl *crawl = intake->run->crawl;
	HSM_CLOSEDIR DIR *dir = hsm_fd_list(intake->dir_fd, ".");
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		char path[PATH_MAX];

		if (hsm_snapshot_vanished(&intake->snapshot, entry->d_name) &&
		    join(path, sizeof(path), intake->path, entry->d_name) == 0)
			hsm_entry_vanish(crawl, intake->dir_fd, entry->d_name,
					 path);
	}
}

/* The listing is complete. */
static int end_listing(struct intake *intake, const struct hsm_agenda_dir *dir)
{
	int ret = hsm_snapshot_finish(&intake->snapshot);

	if (!ret && !intake->run->first)
		take_away(intake);
	if (!ret)
		ret = hsm_snapshot_commit(&intake->snapshot);
	if (!ret && intake->subdirectories && is_in_itself(intake, dir)) {
		hsm_run_skip(intake->run->crawl, "", dir->path,
			     "its directories, for it contains itself");
		return intake->run->crawl->shallow ?
		       hsm_echo_silence(intake->dir_fd) : 0;
	}
	return ret ? ret : release_dirs(intake, dir->above);
}

void hsm_intake_directory(struct hsm_run *run, struct hsm_conn *conn,
			  const struct hsm_agenda_dir *dir)
{
	struct hsm_crawl *crawl = run->crawl;
	const char *path = dir->path;
	struct intake intake = {
		.run = run, .path = path, .now = time(NULL),
	};
	HSM_CLOSE int dir_fd = hsm_run_open(crawl, path);
	const char *why = "";
	unsigned int flags;
	int ret;

	/* Removed here a moment ago: nothing to list. */
	if (dir_fd < 0)
		return;
	if (crawl->lazy && !crawl->shallow &&
	    (hsm_mark_read(dir_fd, NULL, &flags) || flags & HSM_FLAG_UNLISTED))
		return;
	intake.dir_fd = dir_fd;
	ret = hsm_snapshot_open(&intake.snapshot, crawl->store_fd, path);
	if (!ret) {
		ret = hsm_conn_list(conn, path, take_entry, &intake);
		why = hsm_conn_error(conn);
		if (!ret)
			ret = end_listing(&intake, dir);
		hsm_snapshot_close(&intake.snapshot);
	}
	/* What came before a listing broke off is listed all the same. */
	if (ret && ret != -ECANCELED && hsm_run_is_local(path, ret))
		release_dirs(&intake, NULL);
	free_dirs(&intake);
	if (!ret || ret == -ECANCELED)
		return;
	if (!crawl->shallow && hsm_run_is_local(path, ret)) {
		atomic_fetch_add(&crawl->failed, 1);
		hsm_log(crawl->log, HSM_LOG_WARNING, "%s/: not listed: %s", path,
			why && *why ? why : strerror(-ret));
		return;
	}
	hsm_run_fail(run, path, why, ret);
}
