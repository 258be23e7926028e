// SPDX-License-Identifier: GPL-2.0-or-later
#include "stage/fill.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "local/mtime.h"

/*
 * Somebody's lease (an eviction that tries) makes the open EAGAIN: it ends
 * soon, because the reader we fill for has the file open.
 */
static int open_for_writing(int root, const struct hsm_handle *handle)
{
	unsigned int tries;
	int fd;

	for (tries = 0; tries < 1000; tries++) {
		fd = hsm_handle_open(root, handle, O_WRONLY | O_NONBLOCK |
				     O_NOATIME);
		if (fd != -EAGAIN)
			return fd;
		usleep(1000);
	}
	return hsm_handle_open(root, handle, O_WRONLY | O_NOATIME);
}

static int write_all(int fd, const char *buf, size_t len, uint64_t off)
{
	while (len) {
		ssize_t n = pwrite(fd, buf, len, (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		buf += n;
		off += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

int hsm_fill_write(int root, const struct hsm_handle *handle, uint64_t size,
		   const struct timespec *mtime, const void *buf, size_t len,
		   uint64_t off)
{
	HSM_CLOSE int fd = open_for_writing(root, handle);
	struct stat st;
	int ret, after;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if ((uint64_t)st.st_size != size)
		return -ECANCELED;
	ret = write_all(fd, buf, len, off);
	/* Also after a failed write: a part of it may be in the file. */
	after = hsm_mtime_set(fd, mtime);
	return ret ? ret : after;
}

int hsm_fill_reserve(int root, const struct hsm_handle *handle,
		     const struct timespec *mtime, uint64_t off, uint64_t len)
{
	HSM_CLOSE int fd = open_for_writing(root, handle);
	int ret = 0, after;

	if (fd < 0)
		return fd;
	if (fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)off, (off_t)len) < 0) {
		ret = -errno;
		fallocate(fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE,
			  (off_t)off, (off_t)len);
	}
	after = hsm_mtime_set(fd, mtime);
	return ret ? ret : after;
}
