/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /proc/PID/mountinfo: see proc_pid_mountinfo(5). */
#ifndef HSM_LOCAL_MOUNTINFO_H
#define HSM_LOCAL_MOUNTINFO_H

/* Undo, in place, the escapes of a path in it: \ooo for space, tab, ... */
void hsm_mountinfo_unescape(char *text);

#endif
