// SPDX-License-Identifier: GPL-2.0-or-later
#include "archive/content.h"

#include <errno.h>
#include <unistd.h>

int hsm_archive_content_bytes(struct hsm_archive *archive, const void *bytes,
			      size_t len)
{
	while (len) {
		la_ssize_t n = archive_write_data(archive->to, bytes, len);

		if (n < 0)
			return hsm_archive_fail_self(archive);
		if (!n)
			return 0;
		bytes = (const char *)bytes + n;
		len -= (size_t)n;
	}
	return 0;
}

static int write_zeros(struct hsm_archive *archive, uint64_t len)
{
	int ret = 0;

	/* They are passed over, and never looked at. */
	while (!ret && len) {
		size_t n = len < HSM_ARCHIVE_ZEROS ? (size_t)len :
						     HSM_ARCHIVE_ZEROS;

		ret = hsm_archive_content_bytes(archive, archive->zeros, n);
		len -= n;
	}
	return ret;
}

/* -EAGAIN: the file has become shorter. */
static int write_range(struct hsm_archive *archive, const char *path, int fd,
		       uint64_t off, uint64_t len)
{
	int ret = 0;

	while (!ret && len) {
		size_t want = len < HSM_ARCHIVE_BUFFER ? (size_t)len :
							 HSM_ARCHIVE_BUFFER;
		ssize_t n = pread(fd, archive->buffer, want, (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return hsm_archive_fail(archive, path, -errno);
		if (!n)
			return -EAGAIN;
		ret = hsm_archive_content_bytes(archive, archive->buffer,
						(size_t)n);
		off += (uint64_t)n;
		len -= (uint64_t)n;
	}
	return ret;
}

int hsm_archive_content_write(struct hsm_archive *archive, const char *path,
			      int fd, struct archive_entry *entry)
{
	uint64_t size = (uint64_t)archive_entry_size(entry), at = 0;
	la_int64_t off, len;
	int ret = 0;

	if (!archive_entry_sparse_count(entry))
		return write_range(archive, path, fd, 0, size);
	archive_entry_sparse_reset(entry);
	while (!ret && archive_entry_sparse_next(entry, &off, &len) ==
			       ARCHIVE_OK) {
		ret = write_zeros(archive, (uint64_t)off - at);
		if (!ret)
			ret = write_range(archive, path, fd, (uint64_t)off,
					  (uint64_t)len);
		at = (uint64_t)(off + len);
	}
	return ret ? ret : write_zeros(archive, size - at);
}

void hsm_archive_content_map(struct archive_entry *entry, int fd,
			     const struct stat *st)
{
	off_t at = 0, hole = 0;

	if (st->st_blocks * 512 >= st->st_size)
		return;
	while (at < st->st_size && (at = lseek(fd, at, SEEK_DATA)) >= 0) {
		hole = lseek(fd, at, SEEK_HOLE);
		if (hole < 0)
			hole = st->st_size;
		if (hole > st->st_size)
			hole = st->st_size;
		if (at < hole)
			archive_entry_sparse_add_entry(entry, at, hole - at);
		at = hole;
	}
	/* Nothing but a hole. */
	if (!archive_entry_sparse_count(entry))
		archive_entry_sparse_add_entry(entry, 0, 0);
}
