// SPDX-License-Identifier: GPL-2.0-or-later
#include "names/vanish.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "local/extent.h"
#include "local/lease.h"
#include "stage/inspect.h"

/* Nothing at all: content in the inode of the file has no blocks. */
static bool is_empty(int fd, const struct hsm_facts *facts)
{
	uint64_t size = (uint64_t)facts->st.st_size, resident;

	return !size || (facts->content == HSM_CONTENT_NONE &&
			 hsm_extent_resident(fd, size, &resident) == 0 &&
			 !resident);
}

/* With a lease, `alone`, nobody can bring or change anything meanwhile. */
static int vanish_file(const struct hsm_vanish *how, int dir_fd,
		       const char *name, int fd, const char *origin, bool alone)
{
	struct hsm_facts facts;
	int ret = hsm_inspect(fd, how->store_id, &facts);

	if (ret < 0)
		return ret;
	if (!facts.ours || facts.unreadable || hsm_facts_dirty(&facts) ||
	    strcmp(facts.mark.origin, origin))
		return -EEXIST;
	if (alone && !(facts.flags & (HSM_FLAG_WHOLE | HSM_FLAG_PIN)) &&
	    is_empty(fd, &facts))
		return unlinkat(dir_fd, name, 0) < 0 ? -errno : 0;
	hsm_log(how->log, HSM_LOG_INFO, "%s: the remote no longer has it", origin);
	ret = hsm_mark_set(fd, HSM_FLAG_LOST);
	return ret ? ret : -EEXIST;
}

/* Whether something of the empty directory is in the way, and is not any more. */
static bool uncover(const struct hsm_vanish *how, int fd, const char *origin)
{
	unsigned int flags;

	if (errno != EBUSY || !how->uncover ||
	    hsm_mark_read(fd, NULL, &flags) < 0 || !(flags & HSM_FLAG_UNLISTED))
		return false;
	how->uncover(how->arg, origin);
	return true;
}

static int vanish_directory(const struct hsm_vanish *how, int dir_fd,
			    const char *name, int fd, const char *origin)
{
	HSM_CLOSEDIR DIR *dir = NULL;
	struct dirent *entry;
	struct hsm_mark mark;
	unsigned int flags;
	int ret = hsm_mark_read(fd, &mark, &flags);

	if (ret == -ENODATA || (!ret && (mark.store != how->store_id ||
					 strcmp(mark.origin, origin))))
		return -EEXIST;
	if (ret)
		return ret;
	dir = hsm_fd_list(fd, ".");
	if (!dir)
		return -errno;
	while ((entry = hsm_fd_entry(dir))) {
		char inner[PATH_MAX];

		if (snprintf(inner, sizeof(inner), "%s/%s", origin,
			     entry->d_name) < PATH_MAX)
			hsm_vanish(how, fd, entry->d_name, inner);
	}
	if (unlinkat(dir_fd, name, AT_REMOVEDIR) == 0 ||
	    (uncover(how, fd, origin) &&
	     unlinkat(dir_fd, name, AT_REMOVEDIR) == 0))
		return 0;
	/* EBUSY: a trigger is on it, or somebody's mount. */
	return errno == ENOTEMPTY || errno == EEXIST || errno == EBUSY ?
	       -EEXIST : -errno;
}

int hsm_vanish(const struct hsm_vanish *how, int dir_fd, const char *name,
	       const char *origin)
{
	HSM_CLOSE int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW |
				  O_NONBLOCK | O_NOATIME | O_CLOEXEC);
	struct stat st;
	bool alone;
	int ret;

	if (fd < 0)
		return errno == ENOENT ? 0 : errno == ELOOP ? -EEXIST : -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return vanish_directory(how, dir_fd, name, fd, origin);
	if (!S_ISREG(st.st_mode))
		return -EEXIST;
	/* Whoever opens it now waits, and then finds out that it is gone. */
	alone = hsm_lease_take(fd) == 0;
	ret = vanish_file(how, dir_fd, name, fd, origin, alone);
	if (alone)
		hsm_lease_release(fd);
	return ret;
}
