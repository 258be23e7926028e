/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * N.intent: the files that were opened for writing in period N, each written down
 * before the opening was allowed (see strict.h).
 *
 * It is written through a mapping of space that is reserved.  An open() with
 * O_TRUNC waits for us with write access to the file system in its hands, and a
 * freeze waits for that; a write() of ours would wait for the freeze, for ever.
 * A store through a mapping does not: it waits for the next stage of a freeze
 * (sb_start_pagefault(); freeze_super() of Linux 6.18), which only comes when the
 * opener has gone on.
 */
#ifndef HSM_JOURNAL_INTENTS_H
#define HSM_JOURNAL_INTENTS_H

#include <stdbool.h>

#include "journal/home.h"
#include "journal/log.h"

struct hsm_intents {
	int fd, memory; /* -1: not open */
	unsigned char *bytes;
	size_t used, size;
};

/* Open that of period `n`, behind what is in it.  Its name is durable.  -errno. */
int hsm_intents_open(struct hsm_intents *intents,
		     const struct hsm_journal *journal, uint64_t n);
void hsm_intents_close(struct hsm_intents *intents);

/*
 * Append `len` bytes of whole records, and wait for the disk if `durable`; what
 * is not survives the end of this process.  -ENOSPC, -EIO.
 */
int hsm_intents_add(struct hsm_intents *intents, const void *bytes, size_t len,
		    bool durable);

/* Have room for the next ones.  May wait for a thaw. */
int hsm_intents_reserve(struct hsm_intents *intents);

/*
 * The intents of period `n` as an image, which is empty when there is none.  What
 * they say of names counts where no other record does.
 */
int hsm_intents_load(struct hsm_log_image *image,
		     const struct hsm_journal *journal, uint64_t n);

/* Forget those of period `n`. */
void hsm_intents_drop(const struct hsm_journal *journal, uint64_t n);

#endif
