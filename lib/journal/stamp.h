/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A moment in the life of a file system, and whether it still is the same life:
 * what a tracker that starts has to know of the time that it was not there.
 */
#ifndef HSM_JOURNAL_STAMP_H
#define HSM_JOURNAL_STAMP_H

#include <stdbool.h>
#include <stdint.h>

struct hsm_stamp {
	char boot[40];   /* the kernel's random id of this boot; "": no stamp */
	uint64_t mount;  /* never used twice in a boot */
	/* The moment, by the clock that files are stamped with, and by the one
	 * that nobody can set. */
	int64_t real_ns, boot_ns;
};

enum { HSM_STAMP_TEXT = 128 };

/* Now, in the mount of the directory `fd`.  -errno; -EOPNOTSUPP before 6.8. */
int hsm_stamp_take(struct hsm_stamp *stamp, int fd);

/* Another moment of the same mount: now. */
void hsm_stamp_touch(struct hsm_stamp *stamp);

/* As text without a newline, and back: -EBADMSG.  Pure. */
void hsm_stamp_print(const struct hsm_stamp *stamp, char text[HSM_STAMP_TEXT]);
int hsm_stamp_parse(struct hsm_stamp *stamp, const char *text);

/*
 * The mount was there all the time from `then` to `now`, in one boot: all that
 * was done to the file system was done by this kernel, and is in its caches.  Pure.
 */
bool hsm_stamp_same_life(const struct hsm_stamp *then,
			 const struct hsm_stamp *now);

/*
 * Whether the clock was set back from `then` to `now`: what was done between them
 * may look older than `then`.  Set back and forth again it cannot be seen, nor,
 * over a boot, set back for less than the time between them.  Pure.
 */
bool hsm_stamp_set_back(const struct hsm_stamp *then,
			const struct hsm_stamp *now);

#endif
