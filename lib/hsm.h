/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libhsm: what the commands are made of.
 *
 * Every function returns 0 or a negative errno unless it says otherwise.  The
 * library prints nothing, never exits and, except in hsm_serve(), leaves
 * signals alone.  Messages go to the `hsm_log` that the caller gives.
 */
#ifndef HSM_H
#define HSM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "base/escape.h"
#include "base/log.h"
#include "base/size.h"

#define HSM_VERSION "0.1.0"

/*
 * A failure that a command reports.  `text` is one sentence for a person that
 * names the thing it is about ("/srv/pub: is not empty and no store").
 */
enum hsm_failure_kind {
	HSM_FAILURE_NONE,
	HSM_FAILURE_OTHER,  /* exit status 1 */
	HSM_FAILURE_USAGE,  /* exit status 2 */
	HSM_FAILURE_KERNEL, /* exit status 3: this kernel or file system cannot */
	HSM_FAILURE_REMOTE, /* exit status 4: the remote cannot be reached */
};

struct hsm_failure {
	enum hsm_failure_kind kind;
	char text[1024];
};

/* ------------------------------------------------------------- serving -- */

/* When the directories of the remote are listed. */
enum hsm_names {
	HSM_NAMES_EAGER, /* all of them, before DIR is served */
	HSM_NAMES_LAZY,  /* each when it is first needed */
	HSM_NAMES_CRAWL, /* so, and the others meanwhile, in the background */
};

struct hsm_serve_options {
	const char *url;
	const char *dir;
	const char *store;          /* NULL: DIR/.hsm */
	bool read_only;
	bool strict;                /* changes are tracked, as hsm_track() can */
	bool progress;              /* log listing progress at INFO while it runs */
	unsigned int jobs;          /* 0: 8 */
	int64_t stream_above;       /* bytes; -1: 16 MiB; INT64_MAX: never stream */
	const char *whole_for;      /* "NAME,NAME"; NULL: the default list */
	int read_ahead_files;       /* -1: default; 0: off */
	unsigned int refresh_s;     /* 0: never */
	enum hsm_names names;
	int max_triggers;           /* -1: 2000; at most 65536 */
	unsigned int worker_timeout_s; /* 0: default */
	const char *user, *cacert, *proxy;
	const char *const *headers; /* NULL-terminated, or NULL */
	const char *allow_redirect; /* "HOST,HOST:PORT,*.DOMAIN", or NULL */
	bool netrc, insecure;
	int retries;                /* -1: default */
	unsigned int timeout_s;     /* 0: default */
	/*
	 * Called once, in the calling process, when DIR is served.  The command
	 * tells whoever waits for it.  It must close no descriptor that was open
	 * before: a worker may get the number by then, and what it has there
	 * would be taken for the caller's when it is killed, and stay open.
	 */
	void (*ready)(void *arg);
	void *ready_arg;
	const struct hsm_log *log;
};

/*
 * Serve DIR from URL until SIGTERM, SIGINT or `umount DIR`; 0 then, and DIR
 * shows nothing but `.hsm`.  On failure DIR is as before and `failure` says why.
 * Call it in a process with one thread: it makes others (guard and worker) and
 * handles SIGTERM, SIGINT, SIGCHLD while it runs.
 */
int hsm_serve(const struct hsm_serve_options *options,
	      struct hsm_failure *failure);

/*
 * End the server of DIR and wait until it is gone.  -ENOENT: none runs (a mount
 * that a killed server left behind is removed all the same).
 */
int hsm_serve_stop(const char *dir, struct hsm_failure *failure);

struct hsm_serve_status {
	char url[2048];
	bool running;       /* a server answers */
	bool stale_mount;   /* DIR is mounted and no server answers */
	uint64_t uptime_s;
	uint64_t offline, partial, online, dirty, local, lost; /* files */
	uint64_t pinned, stale;
	uint64_t bytes_resident, bytes_total;
	uint64_t fills;          /* ranges or files fetched since the start */
	uint64_t bytes_fetched;
	uint64_t requests;
	uint64_t errors;         /* reads that failed since the start */
	uint64_t waiting;        /* readers that wait now */
	uint64_t skipped;        /* remote names that cannot exist here */
	uint64_t triggers;       /* directories of a lazy tree that wait to be
				  * listed: mounts below DIR */
	uint64_t triggers_elsewhere; /* and on binds of it, and in other mount
				      * namespaces, that the server has put */
	uint64_t worker_restarts;
	int64_t guard_pid, worker_pid;
};

/* What `hsm-serve --status` prints.  Walks the tree to count files by state. */
int hsm_serve_status(const char *dir, struct hsm_serve_status *out,
		     struct hsm_failure *failure);

/* ------------------------------------------------------- files in a tree -- */

enum hsm_state {
	HSM_OFFLINE,
	HSM_PARTIAL,
	HSM_ONLINE,
	HSM_DIRTY,
	HSM_LOCAL,
	HSM_LOST,
};

/* "offline", ... for a state; and back, or -EINVAL. */
const char *hsm_state_name(enum hsm_state state);
int hsm_state_parse(const char *name, enum hsm_state *out);

struct hsm_file_info {
	enum hsm_state state;
	bool pinned, stale, busy;
	uint64_t resident; /* bytes of content that are here */
	uint64_t size;     /* st_size */
};

/*
 * A session finds the tree that a path belongs to, served or not, and keeps the
 * connection to its server.  Any thread may use it, one call at a time; make
 * one session for each thread that works on its own.
 */
struct hsm_session;

/* The caller's, for hsm_session_free(); `log` is borrowed.  -ENOMEM. */
int hsm_session_new(struct hsm_session **out, const struct hsm_log *log);
void hsm_session_free(struct hsm_session *session);

/* A file within a walk or from hsm_file_open(). */
struct hsm_file;

/*
 * Open the regular file `path` (any mount of the tree, or DIR/... of a tree
 * that is not served).  Raises no event.  -ENOENT; -EISDIR; -EXDEV: in no
 * hsm tree; -EINVAL: neither file nor directory (symlink, fifo, ...).
 */
int hsm_file_open(struct hsm_session *session, const char *path,
		  struct hsm_file **out);
void hsm_file_close(struct hsm_file *file);
const char *hsm_file_path(const struct hsm_file *file);

/*
 * Call `fn` for each regular file below the directory `path` (or for `path`
 * itself, when it is one), depth first; symbolic links are not followed, other
 * kinds are left out.  `file` is borrowed.  A negative return of `fn` ends the
 * walk with it.  `failed` is called (when not NULL) for what cannot be read;
 * the walk then goes on.  Files may be evicted, filled, created and deleted
 * meanwhile.
 */
typedef int (*hsm_walk_fn)(void *arg, struct hsm_file *file);
typedef void (*hsm_walk_failed_fn)(void *arg, const char *path, int error);
int hsm_walk(struct hsm_session *session, const char *path, hsm_walk_fn fn,
	     hsm_walk_failed_fn failed, void *arg);

/* What `hsm-mark` prints.  Raises no event. */
int hsm_file_info(struct hsm_file *file, struct hsm_file_info *out);

/*
 * Give back the space of the file, under an exclusive lease.  `dry_run` only
 * checks.  -EBUSY: open or mapped somewhere; -EPERM: pinned; -ENOTEMPTY: dirty;
 * -ENODATA: local, or lost or stale: what is here could not be fetched again.
 * `*freed` (may be NULL): bytes.  A file with nothing here: 0 and nothing freed.
 * hsm_evict_reason() has the words for these errors.
 */
int hsm_file_evict(struct hsm_file *file, bool dry_run, uint64_t *freed);
const char *hsm_evict_reason(int error);

/*
 * Bring [off, off + len) here (len 0: to the end) and wait for it; through the
 * server when one runs, else with connections of its own.  Errors of the remote
 * as in remote.h; -ENOSPC.  Local files: 0, there is nothing to bring.
 */
int hsm_file_hydrate(struct hsm_file *file, uint64_t off, uint64_t len);

enum hsm_hydrate_policy {
	HSM_HYDRATE_DEFAULT,
	HSM_HYDRATE_FULL,
	HSM_HYDRATE_STREAM,
};

/* Marks of the file: never to be evicted, and how it is filled.  -errno. */
int hsm_file_pin(struct hsm_file *file, bool pinned);
int hsm_file_set_hydrate(struct hsm_file *file, enum hsm_hydrate_policy policy);
/* The same for every file below the directory that has no policy of its own. */
int hsm_directory_set_hydrate(struct hsm_session *session, const char *path,
			      enum hsm_hydrate_policy policy);
/* Declare a dirty file equal to the remote again.  -EINVAL: size differs;
 * -ENODATA: local; -EBUSY: open for writing. */
int hsm_file_clean(struct hsm_file *file);
/* Ask the remote for a newer version.  `*changed`: there is one. */
int hsm_file_refresh(struct hsm_file *file, bool *changed);
/* Give `file` the marks of the file `from`.  -EINVAL: sizes differ. */
int hsm_file_copy_marks(struct hsm_file *file, struct hsm_file *from);

/*
 * List the remote directories at and below `path` again and create what is new
 * (`hsm-prefetch --tree`).
 */
int hsm_tree_list(struct hsm_session *session, const char *path);

/* The same, but in a lazy tree only of those that were listed before. */
int hsm_tree_refresh(struct hsm_session *session, const char *path);

/*
 * List those directories at and below `path` that never were, in a tree that is
 * served lazily.  0 in any other tree.
 */
int hsm_tree_complete(struct hsm_session *session, const char *path);

/*
 * Prefetch many files with `jobs` transfers at a time.  `done` is called once for each
 * file, from the caller's threads or others, never two at a time; error 0: the
 * range is here.  hsm_prefetch_add() blocks while the queue is full.
 * hsm_prefetch_finish() waits for all, frees `p`.
 */
struct hsm_prefetch;
typedef void (*hsm_prefetch_fn)(void *arg, const char *path, uint64_t bytes,
				int error);
int hsm_prefetch_new(struct hsm_prefetch **out, unsigned int jobs,
		     hsm_prefetch_fn done, void *arg,
		     const struct hsm_log *log);
/* Takes a copy of `path`; a file.  off, len as in hsm_file_hydrate(). */
int hsm_prefetch_add(struct hsm_prefetch *p, const char *path, uint64_t off,
		     uint64_t len);
int hsm_prefetch_finish(struct hsm_prefetch *p);

/* ---------------------------------------------------------- checkpoints -- */

struct hsm_track_options {
	const char *dir;
	const char *store;          /* NULL: DIR/.hsm */
	bool strict;                /* who opens for writing waits for the disk */
	void (*ready)(void *arg);   /* once, when DIR is tracked */
	void *ready_arg;
	const struct hsm_log *log;
};

/*
 * Track what changes below DIR, which no server serves, until SIGTERM or SIGINT;
 * 0 then.  Call it in a process with one thread; it handles these signals.
 */
int hsm_track(const struct hsm_track_options *options,
	      struct hsm_failure *failure);

struct hsm_checkpoint_options {
	const char *since;   /* ID; NULL: the checkpoint before */
	const char *cursor;  /* NAME: since the checkpoint committed for it */
	bool peek;           /* begin no new one */
	unsigned int keep;   /* lists that remain; 0: 16 */
	const struct hsm_log *log;
};

/*
 * What happened at a path.  Without `exists` there is nothing now; `from` is
 * where it was before a rename, or NULL.
 */
struct hsm_change {
	const char *path, *from; /* relative to DIR; "." for itself */
	bool exists;
	bool created, renamed, modified, attributes;
	bool replaced; /* a directory was here, with what the list told before */
	bool moved; /* nothing here because a rename of the list took it away */
	bool rescan; /* a directory; look at all that is below it */
};

struct hsm_changes;

/*
 * Begin a checkpoint of DIR and get what has changed since the one before (or
 * since `since`, `cursor`).  The list is in memory, in the order of the paths.
 * A failure after the checkpoint began keeps it: `since` asks again.
 */
int hsm_checkpoint(const char *dir, const struct hsm_checkpoint_options *options,
		   struct hsm_changes **out, struct hsm_failure *failure);

/*
 * The history is not complete: a change of the list has `rescan`, or there is no
 * list, and all of DIR has to be looked at.
 */
bool hsm_changes_rescan(const struct hsm_changes *changes);
bool hsm_changes_rescan_all(const struct hsm_changes *changes);
/* The checkpoint that the list ends with, and the one that it begins after. */
const char *hsm_changes_id(const struct hsm_changes *changes);
const char *hsm_changes_since(const struct hsm_changes *changes);
/* The next change, borrowed: 1, or 0 at the end. */
int hsm_changes_next(struct hsm_changes *changes, struct hsm_change *out);
void hsm_changes_rewind(struct hsm_changes *changes);
void hsm_changes_free(struct hsm_changes *changes);

/* The file in an archive that has what is gone: "./PATH", each ended by NUL. */
#define HSM_ARCHIVE_DELETED "./.hsm/deleted"

/* Whether the name of `file` says which kind of archive it is. */
bool hsm_archive_known(const char *file);

/*
 * Write what the list `changes` of `dir` names, as it is now, and all of a
 * directory that is to be looked at, into the pax archive
 * `file`, which is complete and durable or not there.  Absent content is brought
 * here first.  -errno: `failure` says why, and the list can be asked for again.
 * Warnings (a socket) go to `log`.
 */
int hsm_changes_archive(struct hsm_changes *changes, const char *dir,
			const char *file, const struct hsm_log *log,
			struct hsm_failure *failure);

/* The checkpoints whose lists are kept, the oldest first. */
int hsm_checkpoint_list(const char *dir,
			void (*fn)(void *arg, const char *id,
				   const struct timespec *time),
			void *arg, struct hsm_failure *failure);

/* Note that the consumer `name` has all until the checkpoint `id`.  Durable. */
int hsm_checkpoint_commit(const char *dir, const char *name, const char *id,
			  struct hsm_failure *failure);

#endif
