/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whoever truncates in open(2) has write access to the file system while it waits
 * for us (do_open() in the kernel, measured on 6.18).  A freeze (fsfreeze(8), a
 * snapshot) waits for that one, and every write for the freeze: a write that the
 * answer waits for could wait for ever.
 */
#ifndef HSM_ENGINE_TRUNCATION_H
#define HSM_ENGINE_TRUNCATION_H

/*
 * Take the mark of an eviction off the file that is about to be truncated: with
 * it the truncation would be taken for one of ours.  -EBUSY: not possible
 * within two seconds, because the file system is being frozen.
 */
int hsm_truncation_release(int fd);

#endif
