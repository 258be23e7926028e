/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Leases: how hsm knows who else has a file open.
 *
 * F_SETLEASE is refused with EAGAIN by i_writecount and the open count, which
 * mappings hold too: fcntl(2), and fs/locks.c check_conflicting_open().
 */
#ifndef HSM_LOCAL_LEASE_H
#define HSM_LOCAL_LEASE_H

#include <stdbool.h>

/*
 * Take an exclusive lease on `fd` (any access mode): 0 when nobody else has the
 * file open or mapped, and then new opens wait until hsm_lease_release(); at
 * most fs.lease-break-time seconds.  -EAGAIN: in use.
 */
int hsm_lease_take(int fd);
void hsm_lease_release(int fd);

/*
 * Whether anybody (the caller included) has the file of `fd`, which must be
 * open O_RDONLY, open for writing.
 */
bool hsm_lease_writer(int fd);

#endif
