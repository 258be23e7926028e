// SPDX-License-Identifier: GPL-2.0-or-later
#include "local/users.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "base/cleanup.h"
#include "local/mark.h"
#include "local/mountinfo.h"

int hsm_users_describe(struct hsm_users_tree *tree, uint64_t store,
		       int tree_fd, uint64_t mount_id)
{
	HSM_FCLOSE FILE *file = fopen("/proc/self/mountinfo", "re");
	HSM_FREE char *text = NULL;
	size_t size = 0;
	struct hsm_mountinfo line;
	struct stat st;

	if (!file || fstat(tree_fd, &st) < 0)
		return -errno;
	tree->store = store;
	tree->device = st.st_dev;
	while (hsm_mountinfo_next(file, &text, &size, &line)) {
		if (line.mount != mount_id)
			continue;
		tree->mount_device = line.device;
		memcpy(tree->root, line.root, sizeof(line.root));
		return 0;
	}
	return -ENOENT;
}

/*
 * A marked file or directory of the tree; `path` is a link of /proc.  What lies on
 * another file system is not asked: its server may be dead.
 */
static bool is_of(const struct hsm_users_tree *tree, const char *path)
{
	uint8_t value[HSM_MARK_MAX];
	struct hsm_mark mark;
	struct statx st;
	ssize_t len;

	if (statx(AT_FDCWD, path, AT_STATX_DONT_SYNC, STATX_TYPE, &st) < 0 ||
	    makedev(st.stx_dev_major, st.stx_dev_minor) != tree->device ||
	    (!S_ISREG(st.stx_mode) && !S_ISDIR(st.stx_mode)))
		return false;
	len = getxattr(path, "trusted.hsm", value, sizeof(value));
	return len > 0 && hsm_mark_decode(&mark, value, (unsigned int)len) == 0 &&
	       mark.store == tree->store;
}

/*
 * Whether a place of the tree's name, mounted at `point` for process `pid`, is the
 * tree: a newer one may be there by now.  The way there is walked from the cache,
 * where mount points are; when it leads through a file system whose server would
 * have to be asked, the answer is yes.
 */
static bool is_at(const struct hsm_users_tree *tree, const char *pid,
		  const char *point)
{
	const struct open_how how = {
		.flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_CACHED | RESOLVE_IN_ROOT,
	};
	HSM_CLOSE int root = -1;
	HSM_CLOSE int fd = -1;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%.20s/root", pid);
	root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return false;
	fd = (int)syscall(SYS_openat2, root, point, &how, sizeof(how));
	if (fd < 0)
		return errno == EAGAIN;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return is_of(tree, path);
}

static bool mounted_in(const struct hsm_users_tree *tree, const char *pid)
{
	char path[64];
	HSM_FCLOSE FILE *file = NULL;
	HSM_FREE char *text = NULL;
	size_t size = 0, len = strlen(tree->root);
	struct hsm_mountinfo line;

	snprintf(path, sizeof(path), "/proc/%.20s/mountinfo", pid);
	file = fopen(path, "re");
	while (file && hsm_mountinfo_next(file, &text, &size, &line)) {
		if (line.device != tree->mount_device ||
		    strncmp(line.root, tree->root, len) ||
		    (line.root[len] && line.root[len] != '/'))
			continue;
		if (is_at(tree, pid, line.path))
			return true;
	}
	return false;
}

static bool held_by(const struct hsm_users_tree *tree, const char *pid)
{
	char path[320];
	HSM_CLOSEDIR DIR *dir = NULL;
	struct dirent *entry;

	snprintf(path, sizeof(path), "/proc/%.20s/cwd", pid);
	if (is_of(tree, path))
		return true;
	snprintf(path, sizeof(path), "/proc/%.20s/root", pid);
	if (is_of(tree, path))
		return true;
	snprintf(path, sizeof(path), "/proc/%.20s/fd", pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/%.20s/fd/%s", pid,
			 entry->d_name);
		if (entry->d_name[0] != '.' && is_of(tree, path))
			return true;
	}
	return false;
}

bool hsm_users_any(const struct hsm_users_tree *tree, pid_t friend)
{
	HSM_CLOSEDIR DIR *dir = opendir("/proc");
	struct dirent *entry;

	if (mounted_in(tree, "self"))
		return true;
	/* Without /proc nothing can be said: then somebody may be there. */
	if (!dir)
		return true;
	while ((entry = readdir(dir))) {
		int pid = atoi(entry->d_name);

		if (pid > 0 && pid != getpid() && pid != friend &&
		    (mounted_in(tree, entry->d_name) ||
		     held_by(tree, entry->d_name)))
			return true;
	}
	return false;
}
