// SPDX-License-Identifier: GPL-2.0-or-later
#include "names/entry.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "engine/changes.h"
#include "local/extent.h"
#include "local/placeholder.h"
#include "names/vanish.h"

/*
 * To give a placeholder its size is reported like a user's truncation.  It must
 * be looked at while nothing is here: later it would be a change of content.
 */
static void note_own_change(struct hsm_crawl *crawl)
{
	if (crawl->engine)
		hsm_changes_drain(crawl->engine, NULL);
}

/* There is something of this name already: what does the listing change? */
static int update(struct hsm_crawl *crawl, int dir_fd, const char *name,
		  const struct hsm_mark *now)
{
	HSM_CLOSE int fd = openat(dir_fd, name, O_RDWR | O_NOFOLLOW |
				  O_NONBLOCK | O_CLOEXEC);
	struct hsm_mark mark;
	unsigned int flags;
	uint64_t resident;
	struct stat st;
	int ret;

	/* In use by a lease, a link, a directory: the next listing sees it. */
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    hsm_mark_read(fd, &mark, &flags) < 0 || mark.store != now->store ||
	    strcmp(mark.origin, now->origin) ||
	    flags & (HSM_FLAG_DIRTY | HSM_FLAG_CHANGED))
		return 0;
	if (hsm_version_same(&mark.version, &now->version))
		return hsm_mark_clear(fd, HSM_FLAG_LOST);
	ret = hsm_extent_resident(fd, (uint64_t)st.st_size, &resident);
	if (ret < 0)
		return ret;
	/* Lost or stale without a gap: neither is evicted. */
	if (resident || flags & HSM_FLAG_WHOLE ||
	    st.st_size != mark.version.size) {
		ret = hsm_mark_set(fd, HSM_FLAG_STALE);
		return ret ? ret : hsm_mark_clear(fd, HSM_FLAG_LOST);
	}
	hsm_mark_clear(fd, HSM_FLAG_LOST);
	hsm_log(crawl->log, HSM_LOG_INFO, "%s: has a new version", now->origin);
	hsm_mark_set(fd, HSM_FLAG_EVICT);
	ret = hsm_placeholder_renew(fd, now);
	note_own_change(crawl);
	hsm_mark_clear(fd, HSM_FLAG_EVICT);
	return ret;
}

static bool is_directory(int dir_fd, const char *name)
{
	struct stat st;

	return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISDIR(st.st_mode);
}

int hsm_entry_vanish(const struct hsm_crawl *crawl, int dir_fd,
		     const char *name, const char *path)
{
	const struct hsm_vanish how = {
		.log = crawl->log, .store_id = crawl->store_id,
		.uncover = crawl->uncover, .arg = crawl->arg,
	};

	return hsm_vanish(&how, dir_fd, name, path);
}

int hsm_entry_make_file(struct hsm_crawl *crawl, int dir_fd, const char *path,
			const char *name, const struct hsm_version *version,
			unsigned int mode, time_t listed)
{
	struct hsm_mark mark = { .store = crawl->store_id, .version = *version };
	int ret;

	if (strlen(path) >= sizeof(mark.origin))
		return -ENAMETOOLONG;
	strcpy(mark.origin, path);
	if (mark.version.precision == HSM_PRECISION_NONE)
		mark.version.mtime = (struct timespec){ .tv_sec = listed };
	ret = hsm_placeholder_create(dir_fd, name, &mark, mode);
	/* It was a directory before. */
	if (ret == -EEXIST && is_directory(dir_fd, name) &&
	    hsm_entry_vanish(crawl, dir_fd, name, path) == 0)
		ret = hsm_placeholder_create(dir_fd, name, &mark, mode);
	note_own_change(crawl);
	if (ret == -EEXIST)
		return update(crawl, dir_fd, name, &mark);
	if (!ret)
		atomic_fetch_add(&crawl->files, 1);
	return ret;
}
