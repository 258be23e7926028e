// SPDX-License-Identifier: GPL-2.0-or-later
#include "stage/opener.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/hash.h"

/* A program that sets up devices has few; a look at thousands costs others. */
enum { DESCRIPTORS = 256 };

/* Read the small file /proc/TID/NAME; its length, or -errno. */
static ssize_t read_proc(int tid, const char *name, char *buf, size_t size)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", tid, name);
	return hsm_fd_text(AT_FDCWD, path, buf, size);
}

/* The flags of openat2(2) lie in the caller's memory. */
static bool read_how(int tid, unsigned long address, int *flags)
{
	HSM_CLOSE int fd = -1;
	struct open_how how;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/mem", tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || pread(fd, &how, sizeof(how), (off_t)address) !=
		      (ssize_t)sizeof(how))
		return false;
	*flags = (int)how.flags;
	return true;
}

enum hsm_call hsm_opener_call(int tid, int *flags)
{
	unsigned long args[3];
	char text[256];
	long number;

	if (tid <= 0 || read_proc(tid, "syscall", text, sizeof(text)) <= 0 ||
	    sscanf(text, "%ld %lx %lx %lx", &number, &args[0], &args[1],
		   &args[2]) != 4)
		return HSM_CALL_UNKNOWN;
	/*
	 * The numbers of a 32-bit program mean other calls here, none of them
	 * one that is looked for: its opens come out as HSM_CALL_OTHER.
	 */
	switch (number) {
#ifdef SYS_open
	case SYS_open:
		*flags = (int)args[1];
		return HSM_CALL_OPEN;
	case SYS_creat:
		*flags = O_CREAT | O_WRONLY | O_TRUNC;
		return HSM_CALL_OPEN;
#endif
	case SYS_openat:
		*flags = (int)args[2];
		return HSM_CALL_OPEN;
	case SYS_openat2:
		return read_how(tid, args[2], flags) ? HSM_CALL_OPEN :
						       HSM_CALL_UNKNOWN;
	case SYS_open_by_handle_at:
		*flags = (int)args[2];
		return HSM_CALL_OPEN;
	case SYS_execve:
	case SYS_execveat:
		*flags = O_RDONLY;
		return HSM_CALL_OPEN;
	case SYS_truncate:
		return HSM_CALL_TRUNCATE;
	case SYS_read:
	case SYS_readv:
	case SYS_pread64:
	case SYS_preadv:
	case SYS_preadv2:
		return HSM_CALL_READ;
	case SYS_write:
	case SYS_writev:
	case SYS_pwrite64:
	case SYS_pwritev:
	case SYS_pwritev2:
		return HSM_CALL_WRITE;
	case SYS_io_uring_enter:
		return HSM_CALL_UNKNOWN;
	}
	return HSM_CALL_OTHER;
}

uint64_t hsm_opener_mark(int tid)
{
	uint64_t hash;
	char text[256];
	ssize_t len = tid > 0 ? read_proc(tid, "syscall", text, sizeof(text)) : -1;

	/* "NUMBER ARGUMENT... SP PC"; -1: in none that can be seen. */
	if (len <= 0 || text[0] < '0' || text[0] > '9')
		return 0;
	hash = hsm_hash(HSM_HASH, text, (size_t)len);
	return hash ? hash : 1;
}

static bool in_list(const char *name, const char *names)
{
	size_t len = strcspn(name, "\n");

	while (len && *names) {
		size_t item = strcspn(names, ",");

		/* The kernel cuts a thread's name to 15 bytes. */
		if (item == len ? strncmp(name, names, len) == 0 :
		    len == 15 && item > len && strncmp(name, names, len) == 0)
			return true;
		names += item + (names[item] == ',');
	}
	return false;
}

/* Thread ids name their process in /proc too; `comm` is then the thread's. */
static int process_of(int tid)
{
	char text[1024], *line;
	int pid;

	if (read_proc(tid, "status", text, sizeof(text)) <= 0)
		return tid;
	line = strstr(text, "\nTgid:");
	return line && sscanf(line, "\nTgid: %d", &pid) == 1 ? pid : tid;
}

bool hsm_opener_named(int tid, const char *names)
{
	char text[PATH_MAX], path[64], *slash;
	ssize_t len;
	int pid;

	if (tid <= 0 || !*names)
		return false;
	if (read_proc(tid, "comm", text, sizeof(text)) > 0 &&
	    in_list(text, names))
		return true;
	pid = process_of(tid);
	if (pid != tid && read_proc(pid, "comm", text, sizeof(text)) > 0 &&
	    in_list(text, names))
		return true;
	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	len = readlink(path, text, sizeof(text) - 1);
	if (len <= 0)
		return false;
	text[len] = '\0';
	slash = strrchr(text, '/');
	return in_list(slash ? slash + 1 : text, names);
}

bool hsm_opener_has_device(int tid)
{
	HSM_CLOSEDIR DIR *dir = NULL;
	struct dirent *entry;
	unsigned int looked = 0;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/fd", tid);
	dir = tid > 0 ? opendir(path) : NULL;
	while (dir && (entry = readdir(dir)) && looked++ < DESCRIPTORS) {
		struct statx st;

		/*
		 * Whatever it is, we must not wait for it: a plain stat() asks the
		 * server of a network or FUSE file system, which may be dead.
		 */
		if (statx(dirfd(dir), entry->d_name, AT_STATX_DONT_SYNC,
			  STATX_TYPE, &st) < 0)
			continue;
		/* misc major 10, minor 237: LOOP_CTRL_MINOR */
		if (S_ISBLK(st.stx_mode) ||
		    (S_ISCHR(st.stx_mode) && st.stx_rdev_major == 10 &&
		     st.stx_rdev_minor == 237))
			return true;
	}
	return false;
}

/* <linux/pidfd.h> of 6.13, as far as it is needed. */
struct pidfd_info {
	uint64_t mask, cgroup;
	uint32_t pid, tgid, ppid;
	uint32_t ruid, rgid, euid, egid, suid, sgid, fsuid, fsgid;
	uint32_t spare;
};
_Static_assert(sizeof(struct pidfd_info) == 64, "as the kernel has it");

#define PIDFD_INFO _IOWR(0xff, 11, struct pidfd_info)
#define PIDFD_OF_THREAD O_EXCL

/* In /proc a process that cannot be dumped belongs to root, whoever runs it. */
int64_t hsm_opener_user(int tid)
{
	HSM_CLOSE int fd = tid > 0 ? (int)syscall(SYS_pidfd_open, tid,
						  PIDFD_OF_THREAD) : -1;
	struct pidfd_info info = { .mask = 0 };

	if (fd < 0 || ioctl(fd, PIDFD_INFO, &info) < 0)
		return -1;
	return info.ruid;
}
