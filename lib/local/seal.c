// SPDX-License-Identifier: GPL-2.0-or-later
#include "local/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"

/* 2^32 - 1 is no user; 2^32 - 2 is somebody's idea of nobody. */
#define SEAL_UID 4294967293U
#define UID_MAP "0 0 4294967293\n4294967294 4294967294 1\n"
#define GID_MAP "0 0 4294967295\n"

enum { MODE = 0755 };

static int write_map(pid_t pid, const char *name, const char *map)
{
	char path[64];
	HSM_CLOSE int fd = -1;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	return fd < 0 || write(fd, map, strlen(map)) < 0 ? -errno : 0;
}

/* The user namespace of a process that waits only to be killed. */
static int make_namespace(void)
{
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL,
				   NULL, NULL, NULL);
	char path[64];
	int fd, ret;

	if (pid < 0)
		return -errno;
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	ret = write_map(pid, "uid_map", UID_MAP);
	if (!ret)
		ret = write_map(pid, "gid_map", GID_MAP);
	snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
	fd = ret ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	if (!ret && fd < 0)
		ret = -errno;
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return ret ? ret : fd;
}

int hsm_seal_mount(int mount_fd)
{
	HSM_CLOSE int users = make_namespace();
	struct mount_attr attr = {
		.attr_set = MOUNT_ATTR_IDMAP,
		.userns_fd = (__u64)users,
	};

	if (users < 0)
		return users;
	return syscall(SYS_mount_setattr, mount_fd, "", AT_EMPTY_PATH, &attr,
		       sizeof(attr)) < 0 ? -errno : 0;
}

int hsm_seal_mkdir(int dir_fd, const char *name)
{
	int bits = prctl(PR_GET_SECUREBITS), ret;
	/* Else another user's id would take our privileges. */
	bool able = bits >= 0 && prctl(PR_SET_SECUREBITS, bits |
				       SECBIT_NO_SETUID_FIXUP) == 0;
	uid_t before = 0;

	/* Of this thread alone, as are the bits. */
	if (able)
		before = (uid_t)syscall(SYS_setfsuid, SEAL_UID);
	ret = mkdirat(dir_fd, name, 0) < 0 ? -errno : 0;
	if (able)
		syscall(SYS_setfsuid, before);
	return ret;
}

bool hsm_seal_is(const struct stat *st)
{
	return st->st_uid == SEAL_UID;
}

void hsm_seal_plain(struct stat *st)
{
	st->st_uid = 0;
	st->st_mode = (st->st_mode & ~(mode_t)0777) | MODE;
}

int hsm_seal_put(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (hsm_seal_is(&st))
		return 0;
	return fchmod(fd, st.st_mode & S_ISGID) < 0 ||
	       fchown(fd, SEAL_UID, (gid_t)-1) < 0 ? -errno : 0;
}

int hsm_seal_break(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!hsm_seal_is(&st))
		return 0;
	/* The permissions first: until it is root's, it can be seen as sealed. */
	return fchmod(fd, MODE | (st.st_mode & S_ISGID)) < 0 ||
	       fchown(fd, 0, (gid_t)-1) < 0 ? -errno : 0;
}
