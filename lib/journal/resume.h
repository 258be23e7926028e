/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From one tracker to the next: what happened while there was none.
 *
 * The log of a period has notes: until here all was heard that had happened by
 * this moment.  A tracker that ends in order writes the moment into the state of
 * the journal.  The next one has to look at what changed after that, by ctime
 * (sweep.h), and
 *
 *   ended in order, nothing was written since    does not look;
 *   ended in order                               looks;
 *   killed, and the mount is still there         looks: what the log lacks is
 *                                                in the kernel's caches;
 *   killed, and the mount is another one         cannot know: on a disk, data may
 *                                                be newer than its ctime;
 *   the clock was set back                       cannot know.
 */
#ifndef HSM_JOURNAL_RESUME_H
#define HSM_JOURNAL_RESUME_H

#include "journal/tracker.h"

/* The moment of the call, in the tracker's mount. */
struct hsm_stamp hsm_resume_now(const struct hsm_tracker *tracker);

/* Note in a log that all until `stamp` is in it. */
void hsm_resume_note(struct hsm_log_file *log, const struct hsm_stamp *stamp);

/*
 * The group hears: look at what the tracker before us left, and write down that
 * from here on an end without a word is one that loses.  -errno.
 */
int hsm_resume(struct hsm_tracker *tracker, int place);

/* The end in order; the group still hears. */
void hsm_resume_end(struct hsm_tracker *tracker);

#endif
