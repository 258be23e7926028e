// SPDX-License-Identifier: GPL-2.0-or-later
#include "engine/request.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "engine/changes.h"
#include "local/lease.h"
#include "local/placeholder.h"

struct wait {
	pthread_mutex_t lock;
	pthread_cond_t over;
	bool done;
	int error;
};

static void done(void *arg, int error)
{
	struct wait *wait = arg;

	pthread_mutex_lock(&wait->lock);
	wait->done = true;
	wait->error = error;
	pthread_cond_signal(&wait->over);
	pthread_mutex_unlock(&wait->lock);
}

int hsm_request_hydrate(struct hsm_engine *engine,
			const struct hsm_handle *handle, uint64_t off,
			uint64_t len)
{
	struct wait wait = { PTHREAD_MUTEX_INITIALIZER,
			     PTHREAD_COND_INITIALIZER, false, 0 };
	HSM_CLOSE int fd = hsm_handle_open(engine->watch.root, handle,
					   O_RDONLY | O_NOATIME);
	struct hsm_waiter *waiter;
	struct hsm_facts facts;
	uint64_t size;
	int ret;

	if (fd < 0)
		return fd;
	hsm_changes_drain(engine, NULL);
	ret = hsm_inspect(fd, engine->store_id, &facts);
	if (ret < 0)
		return ret;
	if (!facts.ours || facts.flags & (HSM_FLAG_DIRTY | HSM_FLAG_WHOLE) ||
	    facts.content == HSM_CONTENT_ALL || hsm_facts_resized(&facts))
		return facts.unreadable ? -EIO : 0;
	size = hsm_facts_size(&facts);
	if (off >= size)
		return 0;
	waiter = calloc(1, sizeof(*waiter));
	if (!waiter)
		return -ENOMEM;
	waiter->off = off;
	waiter->end = len && len < size - off ? off + len : size;
	waiter->whole = !off && waiter->end == size;
	waiter->done = done;
	waiter->arg = &wait;
	hsm_engine_submit(engine, handle, fd, &facts, waiter);
	pthread_mutex_lock(&wait.lock);
	while (!wait.done)
		pthread_cond_wait(&wait.over, &wait.lock);
	pthread_mutex_unlock(&wait.lock);
	return wait.error;
}

/* With the lease of `fd`: drop the old content, take the new version. */
static int replace(struct hsm_engine *engine, const struct hsm_handle *handle,
		   int fd, struct hsm_mark *mark, const struct hsm_version *now)
{
	int ret = hsm_mark_set(fd, HSM_FLAG_EVICT);

	hsm_engine_forget(engine, handle);
	hsm_watch_rearm(&engine->watch, fd);
	if (!ret)
		ret = hsm_placeholder_empty(fd, mark);
	mark->version = *now;
	if (!ret)
		ret = hsm_placeholder_renew(fd, mark);
	if (!ret)
		ret = hsm_mark_clear(fd, HSM_FLAG_STALE);
	return ret ? ret : hsm_mark_clear(fd, HSM_FLAG_EVICT);
}

/* Another version is there.  What is in use or changed here only becomes stale. */
static int take_version(struct hsm_engine *engine,
			const struct hsm_handle *handle, int fd,
			struct hsm_facts *facts, const struct hsm_version *now)
{
	int changed, ret;

	if (hsm_facts_dirty(facts) || hsm_lease_take(fd) < 0)
		return hsm_mark_set(fd, HSM_FLAG_STALE);
	/* What was changed here while the remote was asked. */
	changed = hsm_changes_drain(engine, handle);
	ret = hsm_inspect(fd, engine->store_id, facts);
	if (!ret && (changed || hsm_facts_dirty(facts))) {
		ret = hsm_mark_set(fd, HSM_FLAG_STALE);
	} else if (!ret) {
		ret = replace(engine, handle, fd, &facts->mark, now);
		hsm_changes_forget(engine, handle);
	}
	hsm_lease_release(fd);
	return ret;
}

int hsm_request_refresh(struct hsm_engine *engine,
			const struct hsm_handle *handle, bool *changed)
{
	HSM_CLOSE int fd = -1;
	struct hsm_conn *conn;
	struct hsm_facts facts;
	struct hsm_version now;
	int ret;

	*changed = false;
	fd = hsm_handle_open(engine->watch.root, handle, O_RDWR | O_NONBLOCK);
	if (fd < 0)
		return fd;
	hsm_changes_drain(engine, NULL);
	ret = hsm_inspect(fd, engine->store_id, &facts);
	if (!ret && !facts.ours)
		ret = -ENODATA;
	if (!ret)
		ret = hsm_conn_open(&conn, engine->remote);
	if (ret)
		return ret;
	ret = hsm_conn_stat(conn, facts.mark.origin, &now);
	if (ret)
		hsm_log(engine->log, HSM_LOG_WARNING, "%s", hsm_conn_error(conn));
	hsm_conn_close(conn);
	if (ret == -ENOENT)
		hsm_mark_set(fd, HSM_FLAG_LOST);
	if (ret)
		return ret;
	hsm_mark_clear(fd, HSM_FLAG_LOST);
	if (hsm_version_same(&facts.mark.version, &now))
		return hsm_mark_clear(fd, HSM_FLAG_STALE);
	*changed = true;
	if (now.size == HSM_SIZE_UNKNOWN)
		return -EPROTO;
	if (now.precision == HSM_PRECISION_NONE)
		now.mtime = facts.mark.version.mtime;
	return take_version(engine, handle, fd, &facts, &now);
}
