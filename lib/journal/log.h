/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A file of records: written at its end, read as a whole.
 *
 * Durability: none until hsm_log_file_sync().  The log of a period needs none:
 * after a crash its list is incomplete anyway.  A list is synced before it gets
 * its name.
 */
#ifndef HSM_JOURNAL_LOG_H
#define HSM_JOURNAL_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "journal/record.h"

struct hsm_log_file {
	int fd;
	int error;        /* the first failure (a full disk): later calls give it */
	size_t used;
	uint64_t records; /* since it was opened */
	unsigned char *buffer;
};

/* Take `fd` (open for reading and writing, given).  -ENOMEM. */
int hsm_log_file_init(struct hsm_log_file *log, int fd);

/* Append a record, in memory at first.  -ENOSPC, -EDQUOT, -EIO. */
int hsm_log_file_add(struct hsm_log_file *log, const struct hsm_record *record);

/* Everything is in the file; and on the disk. */
int hsm_log_file_flush(struct hsm_log_file *log);
int hsm_log_file_sync(struct hsm_log_file *log);

/* Forget what is in it. */
void hsm_log_file_reset(struct hsm_log_file *log);

void hsm_log_file_close(struct hsm_log_file *log);

/* All of a file, in memory. */
struct hsm_log_image {
	unsigned char *bytes;
	size_t len, pos;
};

/* Read the file `fd`; free with hsm_log_image_free(). */
int hsm_log_image_load(struct hsm_log_image *image, int fd);
void hsm_log_image_free(struct hsm_log_image *image);

/* 1: `*record` is the next; 0: the end; -EBADMSG: a torn tail. */
int hsm_log_image_next(struct hsm_log_image *image, struct hsm_record *record);

#endif
