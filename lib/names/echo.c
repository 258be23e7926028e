// SPDX-License-Identifier: GPL-2.0-or-later
#include "names/echo.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/hash.h"
#include "local/mark.h"
#include "local/seal.h"

static const char name[] = "trusted.hsm.listing";

uint64_t hsm_echo_hash(const struct hsm_entry *entry)
{
	uint64_t hash = hsm_hash(HSM_HASH, entry->name,
				 strlen(entry->name) + 1);

	hash = hsm_hash(hash, &entry->type, sizeof(entry->type));
	hash = hsm_hash(hash, &entry->version.size, sizeof(entry->version.size));
	if (entry->type == HSM_ENTRY_FILE)
		hash = hsm_hash(hash, &entry->version.mtime.tv_sec,
				sizeof(entry->version.mtime.tv_sec));
	return hash;
}

bool hsm_echo_heard(int tree, int fd, uint64_t hash)
{
	HSM_CLOSE int at = dup(fd);
	unsigned int i, alike = 0;

	/* Without it a loop only goes on longer. */
	if (fsetxattr(fd, name, &hash, sizeof(hash), 0) < 0)
		return false;
	for (i = 0; i < HSM_ECHO_ABOVE && at >= 0 && !hsm_fd_same(at, tree); i++) {
		int parent = openat(at, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		uint64_t other;

		close(at);
		at = parent;
		if (at >= 0 && fgetxattr(at, name, &other, sizeof(other)) ==
				       sizeof(other))
			alike += other == hash;
	}
	return alike >= HSM_ECHO_LOOP;
}

static int silence(int fd)
{
	unsigned int flags;
	int ret = hsm_mark_read(fd, NULL, &flags);

	if (ret || !(flags & HSM_FLAG_UNLISTED))
		return ret == -ENODATA ? 0 : ret;
	ret = hsm_seal_break(fd);
	if (!ret)
		ret = hsm_mark_clear(fd, HSM_FLAG_BELOW);
	return ret ? ret : hsm_mark_clear(fd, HSM_FLAG_UNLISTED);
}

int hsm_echo_silence(int fd)
{
	HSM_CLOSEDIR DIR *dir = hsm_fd_list(fd, ".");
	struct dirent *entry;
	int ret = 0;

	if (!dir)
		return -errno;
	while (!ret && (entry = hsm_fd_entry(dir))) {
		HSM_CLOSE int child = -1;

		child = openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY |
			       O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		if (child >= 0)
			ret = silence(child);
	}
	return ret;
}
