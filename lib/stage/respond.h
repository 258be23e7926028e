/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Last stage: the answer. */
#ifndef HSM_STAGE_RESPOND_H
#define HSM_STAGE_RESPOND_H

/*
 * Answer the event of `event_fd`: let it through (error 0) or fail it with
 * -error, which becomes EIO where the kernel does not take it.  Does not close
 * `event_fd`.  -ENOENT: nobody waits any more (killed, or answered before a
 * takeover), which is fine; anything else is a bug or a closed group.
 */
int hsm_respond(int group, int event_fd, int error);

#endif
