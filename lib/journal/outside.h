/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the directory is only a part of its file system: what is outside must
 * cost nothing after its first event.
 */
#ifndef HSM_JOURNAL_OUTSIDE_H
#define HSM_JOURNAL_OUTSIDE_H

#include "journal/tracker.h"

/*
 * Before `record` is written down: when its directory is outside now, hear no
 * more of it, and record that.  The record itself stays, since the directory may
 * have been inside a moment ago; the list leaves out what never was.  A directory
 * that was moved is heard again with all that is below it, if it is inside now:
 * what happened in it until then is covered by the list, which names all that is
 * below.  One that left is heard on until the next cut: what is removed from it
 * is removed from where it was.
 */
void hsm_outside_look(struct hsm_tracker *tracker,
		      const struct hsm_record *record);

/* Forget the first `count` of those that left: their period is over. */
void hsm_outside_forget(struct hsm_tracker *tracker, unsigned int count);

#endif
