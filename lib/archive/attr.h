/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Extended attributes and ACLs, for an archive.  Private to the library. */
#ifndef HSM_ARCHIVE_ATTR_H
#define HSM_ARCHIVE_ATTR_H

#include <archive_entry.h>

/*
 * Add to `entry` what the file `fd` (O_PATH) has: all of the namespaces user,
 * security and trusted but for hsm's own marks, and POSIX ACLs, as ACLs: GNU tar
 * and bsdtar restore those from nothing else.  -errno.
 */
int hsm_archive_attr_read(int fd, struct archive_entry *entry);

#endif
