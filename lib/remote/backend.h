/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What one protocol has to bring, and the parts of a remote, a connection and a
 * stream that all protocols share.  Private to lib/remote.
 *
 * remote.c has already checked the arguments of each call (the path stays below
 * the root, no stream is open) and that the connection is not canceled.
 */
#ifndef HSM_REMOTE_BACKEND_H
#define HSM_REMOTE_BACKEND_H

#include <stdatomic.h>

#include "remote/remote.h"

/* As remote.h has them. */
struct hsm_backend {
	/*
	 * `url` has no userinfo and one slash at its end; `userinfo` is what was
	 * there, or NULL.  Sets the remote's `url`.  On -EINVAL `error` may have
	 * the sentence.
	 */
	int (*open)(struct hsm_remote **out, const char *url,
		    const char *userinfo,
		    const struct hsm_remote_options *options, char *error,
		    size_t error_size);
	void (*close)(struct hsm_remote *remote);
	int (*conn_open)(struct hsm_conn **out, struct hsm_remote *remote);
	void (*conn_close)(struct hsm_conn *conn);
	/* Wake up whoever waits; `canceled` is set already.  May be NULL. */
	void (*cancel)(struct hsm_conn *conn);
	int (*list)(struct hsm_conn *conn, const char *path, hsm_entry_fn fn,
		    void *arg);
	int (*stat)(struct hsm_conn *conn, const char *path,
		    struct hsm_version *now);
	int (*stream_open)(struct hsm_conn *conn, const char *path,
			   const struct hsm_version *want, uint64_t off,
			   uint64_t len, struct hsm_version *now,
			   uint64_t *start);
	ssize_t (*stream_read)(struct hsm_conn *conn, void *buf, size_t len);
	void (*stream_close)(struct hsm_conn *conn);
};

extern const struct hsm_backend hsm_backend_http;
extern const struct hsm_backend hsm_backend_file;

struct hsm_remote {
	const struct hsm_backend *backend;
	const struct hsm_log *log;
	char *url; /* canonical; remote.c frees it */
};

/* A connection has at most one stream: it is a part of it. */
struct hsm_stream {
	struct hsm_conn *conn;
	bool open;
};

struct hsm_conn {
	struct hsm_remote *remote;
	struct hsm_stream stream;
	atomic_bool canceled;
	unsigned int hurry; /* how often to take a quarter of the patience */
	uint64_t bytes, requests;
	char error[1024];
};

/* Set the sentence of `conn` and return `error`. */
int hsm_conn_fail(struct hsm_conn *conn, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* -ECANCELED with its sentence when `conn` is canceled, else 0. */
int hsm_conn_check(struct hsm_conn *conn);

#endif
