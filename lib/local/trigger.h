/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Triggers: mounts that make whoever wants to walk through a directory wait.
 *
 * The mechanism is autofs, one direct mount for each trigger, and this file is
 * the only one that knows that; a kernel with an event for lookups would need
 * another trigger.c.  stat(2) of the directory itself does not wait.
 *
 * A process of the group that called hsm_trigger_open() passes through: the
 * group must have no member but the server's own processes.  The kernel writes
 * to a pipe whose both ends it holds itself: when all of a server is killed,
 * walkers wait for ever (a signal ends that) instead of being told ENOENT, as
 * they would be by a closed pipe (fs/autofs/waitq.c: autofs becomes catatonic).
 */
#ifndef HSM_LOCAL_TRIGGER_H
#define HSM_LOCAL_TRIGGER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct hsm_trigger {
	int control;
	int calls;   /* walkers are announced here: poll() */
	int pipe;    /* what the kernel writes to */
	pid_t group; /* the process group that passes through */
};

/* Somebody waits at a trigger. */
struct hsm_trigger_call {
	uint32_t device; /* which trigger: st_dev, as in mountinfo */
	uint32_t token;
	int32_t pid;     /* the thread that waits (the first of them), or 0 */
};

/* -EOPNOTSUPP: no autofs here; -errno. */
int hsm_trigger_open(struct hsm_trigger *out);
void hsm_trigger_close(struct hsm_trigger *trigger);

/*
 * Make a trigger that looks like the directory `like`.  Returns a detached
 * mount for hsm_mount_place(), `*answer` is the descriptor that answers for it,
 * `*device` names it.  With `loose` (Linux 6.15; not before) that descriptor does
 * not hold the mount: umount(8) takes it away, and hsm_trigger_unused() knows
 * nothing of it.  -ENOSPC, -EMFILE, -errno.
 */
int hsm_trigger_make(const struct hsm_trigger *trigger, int like, bool loose,
		     int *answer, uint32_t *device);

/*
 * The next call, without waiting: 1, or 0 when there is none.  `buffer` (of
 * HSM_TRIGGER_BUFFER bytes, zeroed before) holds it until it is cleared: after
 * a crash hsm_trigger_parse() finds it there.
 */
enum { HSM_TRIGGER_BUFFER = 512 };
int hsm_trigger_read(const struct hsm_trigger *trigger, void *buffer,
		     struct hsm_trigger_call *out);
bool hsm_trigger_parse(const void *buffer, struct hsm_trigger_call *out);

/*
 * Let those who wait for `token` go: -ESTALE makes the kernel walk their path
 * again from its start, once for each system call; any other error is theirs.
 */
int hsm_trigger_answer(const struct hsm_trigger *trigger, int answer,
		       uint32_t token, int error);

/* The answering descriptor of the trigger `device` that is mounted at `path`. */
int hsm_trigger_reopen(const struct hsm_trigger *trigger, const char *path,
		       uint32_t device);

/*
 * The threads that wait at any trigger, of whomever: how many in `tids` (up to
 * `max`).  `proc` is /proc.  Reads all of it: some milliseconds.
 */
unsigned int hsm_trigger_waiters(int proc, int *tids, unsigned int max);

/* Whether nobody holds the mount that was made with `answer`, and that was
 * unmounted, any more. */
bool hsm_trigger_unused(const struct hsm_trigger *trigger, int answer);

#endif
