// SPDX-License-Identifier: GPL-2.0-or-later
#include "journal/log.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUFFER = 1 << 16 };

int hsm_log_file_init(struct hsm_log_file *log, int fd)
{
	*log = (struct hsm_log_file){ .fd = fd };
	log->buffer = malloc(BUFFER + HSM_RECORD_MAX);
	if (log->buffer)
		return 0;
	close(fd);
	log->fd = -1;
	return -ENOMEM;
}

int hsm_log_file_add(struct hsm_log_file *log, const struct hsm_record *record)
{
	if (log->error)
		return log->error;
	log->used += hsm_record_encode(record, log->buffer + log->used);
	log->records++;
	return log->used < BUFFER ? 0 : hsm_log_file_flush(log);
}

int hsm_log_file_flush(struct hsm_log_file *log)
{
	size_t done = 0;

	while (!log->error && done < log->used) {
		ssize_t n = write(log->fd, log->buffer + done,
				  log->used - done);

		if (n > 0)
			done += (size_t)n;
		else if (n < 0 && errno != EINTR)
			log->error = -errno;
	}
	log->used = 0;
	return log->error;
}

int hsm_log_file_sync(struct hsm_log_file *log)
{
	int ret = hsm_log_file_flush(log);

	if (!ret && fdatasync(log->fd) < 0)
		ret = log->error = -errno;
	return ret;
}

void hsm_log_file_reset(struct hsm_log_file *log)
{
	log->used = 0;
	log->error = ftruncate(log->fd, 0) < 0 ? -errno : 0;
	lseek(log->fd, 0, SEEK_SET);
}

void hsm_log_file_close(struct hsm_log_file *log)
{
	if (log->fd >= 0)
		close(log->fd);
	free(log->buffer);
	*log = (struct hsm_log_file){ .fd = -1 };
}

int hsm_log_image_load(struct hsm_log_image *image, int fd)
{
	struct stat st;
	ssize_t n = 0;

	*image = (struct hsm_log_image){ 0 };
	if (fstat(fd, &st) < 0)
		return -errno;
	image->bytes = malloc((size_t)st.st_size + 1);
	if (!image->bytes)
		return -ENOMEM;
	while (image->len < (size_t)st.st_size &&
	       (n = pread(fd, image->bytes + image->len,
			  (size_t)st.st_size - image->len,
			  (off_t)image->len)) > 0)
		image->len += (size_t)n;
	if (n >= 0)
		return 0;
	hsm_log_image_free(image);
	return -errno;
}

void hsm_log_image_free(struct hsm_log_image *image)
{
	int saved = errno;

	free(image->bytes);
	image->bytes = NULL;
	errno = saved;
}

int hsm_log_image_next(struct hsm_log_image *image, struct hsm_record *record)
{
	long n = hsm_record_decode(record, image->bytes + image->pos,
				   image->len - image->pos);

	if (n <= 0)
		return (int)n;
	image->pos += (size_t)n;
	return 1;
}
