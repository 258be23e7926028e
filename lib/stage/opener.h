/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who waits, and in which system call: read from /proc, because an event tells
 * neither the open's flags nor that an access is a truncate(2), nor whose it is.
 * Raises no event (procfs).
 */
#ifndef HSM_STAGE_OPENER_H
#define HSM_STAGE_OPENER_H

#include <stdbool.h>
#include <stdint.h>

enum hsm_call {
	HSM_CALL_UNKNOWN,  /* not readable, io_uring, another ABI, ... */
	HSM_CALL_OPEN,     /* an open; flags known */
	HSM_CALL_TRUNCATE, /* truncate(2), by path */
	HSM_CALL_READ,     /* one of read(2)'s family */
	HSM_CALL_WRITE,    /* of write(2)'s */
	HSM_CALL_OTHER,
};

/* The system call that thread `tid` is in; `*flags` are the open's. */
enum hsm_call hsm_opener_call(int tid, int *flags);

/*
 * A number for the system call that thread `tid` waits in: another one as soon as
 * it is out of it.  0: not known.
 */
uint64_t hsm_opener_mark(int tid);

/*
 * Whether the name of thread `tid`, of its process or of its executable is in
 * the comma-separated `names`.
 */
bool hsm_opener_named(int tid, const char *names);

/*
 * Whether its process has a loop or other block device, or loop-control, open.  Does
 * not wait for dead network or FUSE file systems (measured on 6.18).
 */
bool hsm_opener_has_device(int tid);

/* The real uid of thread `tid`, as this user namespace has it; -1: not known. */
int64_t hsm_opener_user(int tid);

#endif
