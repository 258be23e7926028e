// SPDX-License-Identifier: GPL-2.0-or-later
#include "names/directory.h"

#include <errno.h>
#include <fcntl.h>

#include "base/cleanup.h"
#include "local/placeholder.h"

bool hsm_directory_has(int fd, const char *name)
{
	return faccessat(fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Something is not listed below `fd` any more: note it, up to the root. */
static int mark_below(int fd)
{
	HSM_CLOSE int at = dup(fd);
	unsigned int flags, i;
	int ret = at < 0 ? -errno : 0;

	for (i = 0; !ret && i < HSM_RUN_DEPTH; i++) {
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

int hsm_directory_make(const struct hsm_run *run, int dir_fd, const char *name,
		       const struct hsm_mark *mark)
{
	const struct hsm_crawl *crawl = run->crawl;
	unsigned int flags = crawl->lazy ? HSM_FLAG_UNLISTED | HSM_FLAG_BELOW :
					   0;
	bool grows = crawl->grows && !run->first, made;
	int fd, ret = grows && !hsm_directory_has(dir_fd, name) ?
		      mark_below(dir_fd) : 0;

	if (ret)
		return ret;
	fd = hsm_placeholder_mkdir(dir_fd, name, mark, flags,
				   run->first, &made);
	if (fd >= 0 && made && grows && crawl->appeared)
		crawl->appeared(crawl->arg, mark->origin);
	return fd;
}
