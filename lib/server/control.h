/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How the other commands talk to the server of a tree: one SOCK_SEQPACKET
 * socket for each store, /run/hsm/ID, mode 0600, root only (peer credentials
 * are checked too).  A message is one fixed struct in native byte order: both
 * ends are the same build on the same machine.
 */
#ifndef HSM_SERVER_CONTROL_H
#define HSM_SERVER_CONTROL_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "local/handle.h"

struct hsm_engine;
struct hsm_engine_journal;

enum hsm_control_op {
	HSM_CONTROL_HELLO = 1, /* reply carries the private mount's root */
	HSM_CONTROL_HYDRATE,   /* handle, off, len; the reply comes when done */
	HSM_CONTROL_EVICTING,  /* handle, under a lease: what is here is
				* forgotten; `changed`: it was, and is to be
				* marked so by whoever has the lease */
	HSM_CONTROL_REARM,     /* handle: its marks changed, raise events again */
	HSM_CONTROL_REFRESH,   /* handle, path: its origin */
	HSM_CONTROL_LIST,      /* path: a remote directory; off: enum
				* hsm_control_list */
	HSM_CONTROL_STATUS,
	HSM_CONTROL_JOURNAL,   /* reply carries the journal's directory */
	HSM_CONTROL_CHECKPOINT, /* off: how many lists to keep */
	HSM_CONTROL_PEEK,      /* reply carries a list */
};

enum hsm_control_list {
	HSM_CONTROL_AGAIN = 1,   /* what was listed before */
	HSM_CONTROL_MISSING = 2, /* what was not, to the end */
};

struct hsm_control_request {
	uint32_t version, op;
	struct hsm_handle handle;
	uint64_t off, len;
	char path[PATH_MAX];
};

struct hsm_control_status {
	uint64_t started, fills, bytes_fetched, requests, errors, waiting,
		skipped, restarts, triggers, triggers_elsewhere;
	int32_t guard, worker;
};

struct hsm_control_reply {
	int32_t error;  /* 0 or -errno */
	uint32_t changed;
	uint64_t store;
	uint64_t checkpoint; /* the number of the last one */
	char url[2048];
	struct hsm_control_status status;
};

enum { HSM_CONTROL_VERSION = 1 };

/*
 * The listening socket for the store `id`; replaces one that nobody serves.
 * -EADDRINUSE: somebody does, by a copy of the store.
 */
int hsm_control_listen(uint64_t id);
void hsm_control_unlink(uint64_t id);

/* Connect to the server of the store `id`.  -ECONNREFUSED, -ENOENT: none. */
int hsm_control_connect(uint64_t id);

/* The process that made the socket that `fd` is connected to. */
int hsm_control_peer(int fd, pid_t *pid);

/*
 * One request and its reply; `*root_fd` (may be NULL) gets the fd that came
 * with it, or -1.  `timeout_ms` < 0: none.  Returns the reply's error, or
 * -ECONNRESET when the server went, -ETIMEDOUT.
 */
int hsm_control_call(int fd, const struct hsm_control_request *request,
		     struct hsm_control_reply *reply, int *root_fd,
		     int timeout_ms);

/* Whether who is at the other end of `fd` may ask for anything. */
bool hsm_control_allowed(int fd);

/* Whether `len` bytes are a request as a server may trust it. */
bool hsm_control_valid(const struct hsm_control_request *request, ssize_t len);

/* Send a reply, with a descriptor unless `fd_to_send` is negative. */
int hsm_control_reply(int fd, const struct hsm_control_reply *reply,
		      int fd_to_send);

/* Serve `listen_fd` with `engine` until the process ends: a thread's body. */
struct hsm_control_server {
	struct hsm_engine *engine;
	int listen_fd;
	int store_fd;
	struct hsm_engine_journal *journal;
};
void *hsm_control_serve(void *server);

#endif
