// SPDX-License-Identifier: GPL-2.0-or-later
#include "journal/intents.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 1 << 20 };

/* A store into a hole of a full disk would end us with SIGBUS. */
static int reserve(int fd, size_t from, size_t to)
{
	if (fallocate(fd, 0, (off_t)from, (off_t)(to - from)) < 0)
		return -errno;
	return fsync(fd) < 0 ? -errno : 0;
}

static int map(struct hsm_intents *intents, size_t size)
{
	void *bytes;

	if (intents->bytes)
		bytes = mremap(intents->bytes, intents->size, size,
			       MREMAP_MAYMOVE);
	else
		bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
			     intents->fd, 0);
	if (bytes == MAP_FAILED)
		return -errno;
	intents->bytes = bytes;
	intents->size = size;
	return 0;
}

/* Reserved and mapped, one chunk more. */
static int grow(struct hsm_intents *intents)
{
	size_t size = intents->size + CHUNK;
	int ret = reserve(intents->fd, intents->size, size);

	return ret ? ret : map(intents, size);
}

/*
 * Store `len` bytes, which are mapped, behind what is in use.  Where a page cannot
 * have its space, as on btrfs after a snapshot, which has each page copied once
 * more, a store of ours would end us with SIGBUS; one of the kernel on our behalf
 * fails.
 */
static int store(struct hsm_intents *intents, const void *bytes, size_t len)
{
	ssize_t n = pwrite(intents->memory, bytes, len, 0);

	if (n == (ssize_t)len)
		n = pread(intents->memory, intents->bytes + intents->used, len,
			  0);
	if (n == (ssize_t)len)
		return 0;
	return n < 0 && errno != EFAULT ? -errno : -ENOSPC;
}

/* The end of the last whole record: what follows is reserved, or torn. */
static size_t end_of(const struct hsm_intents *intents)
{
	struct hsm_record record;
	size_t at = 0;
	long n;

	while ((n = hsm_record_decode(&record, intents->bytes + at,
				      intents->size - at)) > 0)
		at += (size_t)n;
	return at;
}

int hsm_intents_open(struct hsm_intents *intents,
		     const struct hsm_journal *journal, uint64_t n)
{
	int flags = FS_NOCOW_FL, ret;
	struct stat st;
	size_t size = CHUNK;

	*intents = (struct hsm_intents){
		.fd = hsm_journal_file(journal, n, "intent", O_RDWR | O_CREAT),
		.memory = -1,
	};
	if (intents->fd < 0)
		return intents->fd;
	intents->memory = memfd_create("hsm-intents", MFD_CLOEXEC);
	ret = intents->memory < 0 || fstat(intents->fd, &st) < 0 ? -errno : 0;
	/* btrfs: a page that is written twice takes new space otherwise. */
	if (!ret && !st.st_size)
		ioctl(intents->fd, FS_IOC_SETFLAGS, &flags);
	else if (!ret && (size_t)st.st_size > size)
		size = (size_t)st.st_size;
	if (!ret)
		ret = reserve(intents->fd, 0, size);
	if (!ret)
		ret = map(intents, size);
	if (!ret && fsync(journal->fd) < 0)
		ret = -errno;
	if (ret < 0)
		hsm_intents_close(intents);
	else
		intents->used = end_of(intents);
	return ret;
}

void hsm_intents_close(struct hsm_intents *intents)
{
	if (intents->bytes)
		munmap(intents->bytes, intents->size);
	if (intents->fd >= 0) {
		close(intents->fd);
		close(intents->memory);
	}
	*intents = (struct hsm_intents){ .fd = -1 };
}

int hsm_intents_reserve(struct hsm_intents *intents)
{
	return intents->size - intents->used < CHUNK / 2 ? grow(intents) : 0;
}

int hsm_intents_add(struct hsm_intents *intents, const void *bytes, size_t len,
		    bool durable)
{
	int ret = 0;

	while (!ret && intents->size - intents->used < len)
		ret = grow(intents);
	if (!ret)
		ret = store(intents, bytes, len);
	if (ret < 0)
		return ret;
	intents->used += len;
	return durable && fdatasync(intents->fd) < 0 ? -errno : 0;
}

int hsm_intents_load(struct hsm_log_image *image,
		     const struct hsm_journal *journal, uint64_t n)
{
	int fd = hsm_journal_file(journal, n, "intent", O_RDONLY), ret;

	*image = (struct hsm_log_image){ 0 };
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	ret = hsm_log_image_load(image, fd);
	close(fd);
	return ret;
}

void hsm_intents_drop(const struct hsm_journal *journal, uint64_t n)
{
	int fd = hsm_journal_file(journal, n, "intent", O_WRONLY | O_TRUNC);

	if (fd >= 0)
		close(fd);
}
