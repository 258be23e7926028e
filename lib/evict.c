// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Eviction, in the process of the command.
 *
 * The lease keeps everybody out: it is granted only while nobody has the file
 * open or mapped, and new opens wait for it; but the kernel asks fanotify about
 * an open before it makes it wait (do_dentry_open(), measured on 6.18).  So the
 * mark "evicting" is written under a first lease; then every open raises its
 * event again, which takes the mark away; and the hole is punched under a second
 * lease, if the mark is still there.  Whoever passed the open check before
 * counts as having the file open, and the second lease is refused.  A killed
 * evictor leaves at most the mark, which means nothing by itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "base/cleanup.h"
#include "local/extent.h"
#include "local/lease.h"
#include "local/placeholder.h"
#include "tree.h"

/* A server that does not answer must not keep readers waiting for a lease. */
enum { ANSWER_MS = 5000 };

const char *hsm_evict_reason(int error)
{
	switch (error) {
	case -EBUSY:
		return "in use";
	case -EPERM:
		return "pinned";
	case -ENOTEMPTY:
		return "dirty";
	case -ENODATA:
		return "local: the remote could not give it back";
	}
	return NULL;
}

/* Why the file must stay, or 0. */
static int check(struct hsm_file *file, struct hsm_facts *facts)
{
	int ret = hsm_inspect(file->fd, file->tree->id, facts);
	uint64_t resident;

	if (ret < 0)
		return ret;
	if (facts->unreadable)
		return -EBADMSG;
	if (!facts->ours)
		return -ENODATA;
	/* Only a look past the cache tells a reserved file from a full one. */
	if (facts->content == HSM_CONTENT_SOME &&
	    hsm_extent_resident(file->fd, (uint64_t)facts->st.st_size,
				&resident) == 0 &&
	    resident >= (uint64_t)facts->st.st_size)
		facts->content = HSM_CONTENT_ALL;
	if (hsm_facts_dirty(facts))
		return -ENOTEMPTY;
	if (facts->flags & HSM_FLAG_PIN)
		return -EPERM;
	if (facts->flags & (HSM_FLAG_STALE | HSM_FLAG_LOST))
		return -ENODATA;
	return 0;
}

/*
 * With the lease of `fd`: the server notes what was changed until now, and
 * forgets what is here.  It cannot open the file meanwhile: that this one was
 * changed is for us to write down.
 */
static int tell_server(struct hsm_file *file)
{
	struct hsm_control_request request = { 0 };
	struct hsm_control_reply reply;
	struct hsm_facts facts;
	int ret = hsm_tree_call(file->tree, HSM_CONTROL_EVICTING, file->fd,
				&request, &reply, ANSWER_MS);

	if (ret == -ENOTCONN)
		return 0;
	if (!ret && reply.changed)
		ret = hsm_inspect(file->fd, file->tree->id, &facts);
	if (ret || !reply.changed || !facts.ours || !facts.st.st_nlink)
		return ret;
	/* A hole that was punched, or only another mtime: the server knows. */
	if (facts.content != HSM_CONTENT_ALL && !hsm_facts_resized(&facts) &&
	    !(facts.flags & HSM_FLAG_WHOLE))
		return -EBUSY;
	/* See HSM_FLAG_DIRTY. */
	if (fdatasync(file->fd) < 0)
		return -errno;
	return hsm_mark_set(file->fd, HSM_FLAG_DIRTY);
}

/*
 * From here on every open of the file asks the server, which takes the mark
 * away: nobody gets past it because the file was complete and quiet before.
 */
static int rearm(struct hsm_file *file, const struct hsm_handle *handle)
{
	struct hsm_control_request request = { .handle = *handle };
	struct hsm_control_reply reply;
	int ret = hsm_tree_call(file->tree, HSM_CONTROL_REARM, -1, &request,
				&reply, ANSWER_MS);

	return ret == -ENOTCONN ? 0 : ret;
}

/*
 * A server closes its own descriptor of a file a moment after it has let its
 * reader go on: that is not yet "in use".
 */
static int take_lease(int fd)
{
	const struct timespec moment = { .tv_nsec = 2000000 };
	unsigned int tries;
	int ret = hsm_lease_take(fd);

	for (tries = 0; ret == -EAGAIN && tries < 10; tries++) {
		nanosleep(&moment, NULL);
		ret = hsm_lease_take(fd);
	}
	return ret == -EAGAIN ? -EBUSY : ret;
}

static int announce(struct hsm_file *file, struct hsm_facts *facts, bool dry_run)
{
	int ret = take_lease(file->fd);

	if (ret < 0)
		return ret;
	ret = tell_server(file);
	if (!ret)
		ret = check(file, facts);
	if (!ret && !dry_run && facts->st.st_blocks)
		ret = hsm_mark_set(file->fd, HSM_FLAG_EVICT);
	hsm_lease_release(file->fd);
	return ret;
}

static int empty(int fd, const struct hsm_mark *mark)
{
	int ret = hsm_placeholder_empty(fd, mark);

	/* A watcher of another tree could not open the file under our lease. */
	return ret == -EPERM ? -EBUSY : ret;
}

static int carry_out(struct hsm_file *file, uint64_t *freed)
{
	struct hsm_handle handle;
	HSM_CLOSE int fd = -1;
	struct hsm_facts facts = { 0 };
	struct stat st;
	int ret = hsm_handle_get(file->fd, &handle);

	/* Our own first descriptor would be "in use", too. */
	close(hsm_steal_fd(&file->fd));
	if (!ret)
		ret = rearm(file, &handle);
	if (!ret)
		ret = fd = hsm_handle_open(file->tree->root, &handle,
					   O_RDWR | O_NONBLOCK | O_NOATIME);
	if (ret >= 0)
		ret = take_lease(fd);
	if (ret < 0) {
		if (fd >= 0)
			hsm_mark_clear(fd, HSM_FLAG_EVICT);
		return ret == -EAGAIN ? -EBUSY : ret;
	}
	file->fd = fd;
	ret = tell_server(file);
	if (!ret)
		ret = check(file, &facts);
	if (!ret && !(facts.flags & HSM_FLAG_EVICT))
		ret = -EBUSY;
	if (!ret)
		ret = empty(fd, &facts.mark);
	hsm_mark_clear(fd, HSM_FLAG_EVICT);
	if (!ret && fstat(fd, &st) == 0 && st.st_blocks < facts.st.st_blocks)
		*freed = (uint64_t)(facts.st.st_blocks - st.st_blocks) * 512;
	hsm_lease_release(fd);
	file->fd = -1;
	return ret;
}

/* Nobody may be left with a descriptor that ended: open it once more. */
static int reopen(struct hsm_file *file, const struct hsm_handle *handle)
{
	int fd = hsm_handle_open(file->tree->root, handle, O_RDONLY | O_NOATIME);

	if (fd < 0)
		return fd;
	file->fd = fd;
	return 0;
}

int hsm_file_evict(struct hsm_file *file, bool dry_run, uint64_t *freed)
{
	uint64_t ignored;
	struct hsm_facts facts;
	struct hsm_handle handle;
	int ret = check(file, &facts), again;

	if (!freed)
		freed = &ignored;
	*freed = 0;
	if (ret)
		return ret;
	ret = hsm_handle_get(file->fd, &handle);
	if (!ret)
		ret = announce(file, &facts, dry_run);
	if (ret || dry_run || !facts.st.st_blocks) {
		if (!ret && dry_run)
			*freed = (uint64_t)facts.st.st_blocks * 512;
		return ret;
	}
	ret = carry_out(file, freed);
	again = reopen(file, &handle);
	return ret ? ret : again;
}
