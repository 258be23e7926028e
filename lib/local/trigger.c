// SPDX-License-Identifier: GPL-2.0-or-later
#include "local/trigger.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/auto_dev-ioctl.h>
#include <linux/auto_fs.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/fd.h"
#include "local/mount.h"
#include "local/seal.h"

_Static_assert(sizeof(struct autofs_v5_packet) <= HSM_TRIGGER_BUFFER,
	       "a call fits its buffer");

struct order {
	_Alignas(struct autofs_dev_ioctl) char buf[AUTOFS_DEV_IOCTL_SIZE +
						   PATH_MAX];
};

static struct autofs_dev_ioctl *prepare(struct order *order, int fd)
{
	struct autofs_dev_ioctl *io = (void *)order->buf;

	init_autofs_dev_ioctl(io);
	io->ioctlfd = fd;
	return io;
}

static int open_pipe(struct hsm_trigger *out)
{
	int ends[2];
	char path[HSM_FD_LINK];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	out->calls = ends[0];
	/* The kernel's end can read as well: it never finds the pipe closed. */
	hsm_fd_link(ends[1], path);
	out->pipe = open(path, O_RDWR | O_CLOEXEC);
	close(ends[1]);
	if (out->pipe < 0)
		return -errno;
	return fcntl(out->calls, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

int hsm_trigger_open(struct hsm_trigger *out)
{
	struct order order;
	int ret;

	*out = (struct hsm_trigger){ -1, -1, -1, getpgrp() };
	out->control = open("/dev/autofs", O_RDWR | O_CLOEXEC);
	if (out->control < 0 ||
	    ioctl(out->control, AUTOFS_DEV_IOCTL_VERSION,
		  prepare(&order, -1)) < 0) {
		hsm_trigger_close(out);
		return -EOPNOTSUPP;
	}
	ret = open_pipe(out);
	if (ret)
		hsm_trigger_close(out);
	return ret;
}

static void close_one(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void hsm_trigger_close(struct hsm_trigger *trigger)
{
	close_one(&trigger->control);
	close_one(&trigger->calls);
	close_one(&trigger->pipe);
}

static int set(int fs, unsigned int how, const char *key, const char *value)
{
	return syscall(SYS_fsconfig, fs, how, key, value, 0) < 0 ? -errno : 0;
}

static int set_number(int fs, const char *key, int number)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", number);
	return set(fs, FSCONFIG_SET_STRING, key, text);
}

/* As stat(2) of the directory shows it. */
static void look_like(int fd, int like)
{
	struct stat st;

	if (fstat(like, &st) < 0)
		return;
	if (hsm_seal_is(&st))
		hsm_seal_plain(&st);
	if (fchown(fd, st.st_uid, st.st_gid) < 0 ||
	    fchmod(fd, st.st_mode & 07777) < 0 ||
	    futimens(fd, (struct timespec[]){ st.st_atim, st.st_mtim }) < 0)
		errno = 0; /* looks only */
}

int hsm_trigger_make(const struct hsm_trigger *trigger, int like, bool loose,
		     int *answer, uint32_t *device)
{
	HSM_CLOSE int fs = (int)syscall(SYS_fsopen, "autofs", FSOPEN_CLOEXEC);
	HSM_CLOSE int mount_fd = -1, copy = -1;
	struct stat st;
	int ret;

	if (fs < 0)
		return errno == ENODEV ? -EOPNOTSUPP : -errno;
	ret = set(fs, FSCONFIG_SET_STRING, "source", "hsm");
	if (!ret)
		ret = set_number(fs, "fd", trigger->pipe);
	if (!ret)
		ret = set_number(fs, "pgrp", trigger->group);
	if (!ret)
		ret = set_number(fs, "minproto", 5);
	if (!ret)
		ret = set_number(fs, "maxproto", 5);
	if (!ret)
		ret = set(fs, FSCONFIG_SET_FLAG, "direct", NULL);
	if (!ret)
		ret = set(fs, FSCONFIG_CMD_CREATE, NULL, NULL);
	if (ret)
		return ret;
	mount_fd = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, 0);
	if (mount_fd < 0)
		return -errno;
	*answer = openat(mount_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*answer < 0)
		return -errno;
	look_like(*answer, like);
	if (fstat(*answer, &st) < 0) {
		ret = -errno;
		close(*answer);
		return ret;
	}
	*device = (uint32_t)st.st_dev;
	/* The descriptor keeps the mount that it was opened in. */
	if (loose)
		copy = hsm_mount_clone(mount_fd);
	return hsm_steal_fd(copy >= 0 ? &copy : &mount_fd);
}

bool hsm_trigger_parse(const void *buffer, struct hsm_trigger_call *out)
{
	const struct autofs_v5_packet *packet = buffer;

	if (packet->hdr.type != autofs_ptype_missing_direct)
		return false;
	/* Both are the kernel's new_encode_dev(), as is a small st_dev. */
	*out = (struct hsm_trigger_call){
		packet->dev, packet->wait_queue_token, (int32_t)packet->pid,
	};
	return true;
}

int hsm_trigger_read(const struct hsm_trigger *trigger, void *buffer,
		     struct hsm_trigger_call *out)
{
	ssize_t len = read(trigger->calls, buffer,
			   sizeof(struct autofs_v5_packet));

	return len == (ssize_t)sizeof(struct autofs_v5_packet) &&
	       hsm_trigger_parse(buffer, out);
}

int hsm_trigger_answer(const struct hsm_trigger *trigger, int answer,
		       uint32_t token, int error)
{
	struct order order;
	struct autofs_dev_ioctl *io = prepare(&order, answer);

	io->fail.token = token;
	io->fail.status = error;
	return ioctl(trigger->control, AUTOFS_DEV_IOCTL_FAIL, io) < 0 ?
	       -errno : 0;
}

int hsm_trigger_reopen(const struct hsm_trigger *trigger, const char *path,
		       uint32_t device)
{
	struct order order;
	struct autofs_dev_ioctl *io = prepare(&order, -1);
	size_t len = strlen(path) + 1;

	if (len > PATH_MAX)
		return -ENAMETOOLONG;
	memcpy(io->path, path, len);
	io->size += (uint32_t)len;
	io->openmount.devid = device;
	if (ioctl(trigger->control, AUTOFS_DEV_IOCTL_OPENMOUNT, io) < 0)
		return -errno;
	return io->ioctlfd;
}

bool hsm_trigger_unused(const struct hsm_trigger *trigger, int answer)
{
	struct order order;
	struct autofs_dev_ioctl *io = prepare(&order, answer);
	/*
	 * The kernel allows two to hold a mount, the table of mounts and the
	 * descriptor (fs/namespace.c, may_umount()).  The table does not have it
	 * any more, and one who walks would not be noticed in its place.
	 */
	HSM_CLOSE int second = openat(answer, ".",
				      O_PATH | O_DIRECTORY | O_CLOEXEC);

	return second >= 0 &&
	       ioctl(trigger->control, AUTOFS_DEV_IOCTL_ASKUMOUNT, io) == 0 &&
	       io->askumount.may_umount;
}

/* The kernel's function in which it waits. */
static bool waits(int proc, const char *pid, const char *tid)
{
	char path[600], text[32];
	HSM_CLOSE int fd = -1;
	ssize_t len;

	snprintf(path, sizeof(path), "%s/task/%s/wchan", pid, tid);
	fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
	len = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (len <= 0)
		return false;
	text[len] = '\0';
	return !strcmp(text, "autofs_wait");
}

unsigned int hsm_trigger_waiters(int proc, int *tids, unsigned int max)
{
	HSM_CLOSEDIR DIR *all = hsm_fd_list(proc, ".");
	struct dirent *process, *thread;
	unsigned int count = 0;

	while (all && (process = readdir(all))) {
		char path[300];
		HSM_CLOSEDIR DIR *tasks = NULL;

		if (atoi(process->d_name) <= 0)
			continue;
		snprintf(path, sizeof(path), "%s/task", process->d_name);
		tasks = hsm_fd_list(proc, path);
		while (tasks && count < max && (thread = readdir(tasks)))
			if (atoi(thread->d_name) > 0 &&
			    waits(proc, process->d_name, thread->d_name))
				tids[count++] = atoi(thread->d_name);
	}
	return count;
}
