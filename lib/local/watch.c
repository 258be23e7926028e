// SPDX-License-Identifier: GPL-2.0-or-later
#include "local/watch.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "local/fanotify_abi.h"
#include "local/mount.h"

/*
 * Event fds are opened O_RDONLY: they work on a read-only mount and are no
 * writers that would spoil the lease test.  Not O_NONBLOCK: an event for a file
 * that somebody has a lease on (an eviction) would be denied by the kernel at
 * once, with EPERM.  As it is, read() of the group waits for the lease to end
 * (do_dentry_open() asks fanotify before it breaks leases: measured on 6.18),
 * so more than one thread must read.
 */
static int open_content(void)
{
	int fd = fanotify_init(FAN_CLASS_PRE_CONTENT | FAN_CLOEXEC |
			       FAN_NONBLOCK | FAN_UNLIMITED_QUEUE |
			       FAN_UNLIMITED_MARKS | FAN_REPORT_FD_ERROR |
			       FAN_REPORT_TID,
			       O_RDONLY | O_LARGEFILE | O_CLOEXEC);

	/* Before 6.14 a flag or the mask below is EINVAL. */
	return fd < 0 ? (errno == EINVAL ? -EOPNOTSUPP : -errno) : fd;
}

static int open_changes(void)
{
	int fd = fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK |
			       FAN_UNLIMITED_QUEUE | FAN_UNLIMITED_MARKS |
			       FAN_REPORT_FID, O_RDONLY | O_LARGEFILE);

	return fd < 0 ? -errno : fd;
}

static int mark(int group, unsigned int flags, uint64_t mask, int dir_fd)
{
	if (fanotify_mark(group, FAN_MARK_ADD | flags, mask, dir_fd, ".") < 0)
		return errno == EINVAL ? -EOPNOTSUPP : -errno;
	return 0;
}

int hsm_watch_open(struct hsm_watch *watch, int tree_fd)
{
	const uint64_t changes = FAN_MODIFY;
	int ret;

	*watch = (struct hsm_watch){ -1, -1, -1, -1 };
	ret = watch->mount = hsm_mount_clone(tree_fd);
	if (ret >= 0)
		ret = watch->root = openat(watch->mount, ".",
					   O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (ret >= 0)
		ret = watch->content = open_content();
	if (ret >= 0)
		ret = watch->changes = open_changes();
	/* The exemption first, so that not even the first event is our own. */
	if (ret >= 0)
		ret = mark(watch->content, FAN_MARK_MOUNT | FAN_MARK_IGNORE_SURV,
			   HSM_CONTENT_EVENTS, watch->mount);
	if (ret >= 0)
		ret = mark(watch->changes, FAN_MARK_MOUNT | FAN_MARK_IGNORE_SURV,
			   changes, watch->mount);
	if (ret >= 0)
		ret = mark(watch->changes, FAN_MARK_FILESYSTEM, changes, tree_fd);
	/* A btrfs subvolume: its handles are ambiguous, the mount's are not. */
	if (ret == -EXDEV)
		ret = mark(watch->changes, FAN_MARK_MOUNT, changes, tree_fd);
	if (ret >= 0)
		ret = mark(watch->content, FAN_MARK_FILESYSTEM,
			   HSM_CONTENT_EVENTS, tree_fd);
	if (ret < 0)
		hsm_watch_close(watch);
	return ret < 0 ? ret : 0;
}

int hsm_watch_exempt(const struct hsm_watch *watch, int mount_fd)
{
	const unsigned int how = FAN_MARK_MOUNT | FAN_MARK_IGNORE_SURV;
	int ret = mark(watch->content, how, HSM_CONTENT_EVENTS, mount_fd);

	return ret ? ret : mark(watch->changes, how, FAN_MODIFY, mount_fd);
}

static void close_one(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void hsm_watch_close(struct hsm_watch *watch)
{
	close_one(&watch->content);
	close_one(&watch->changes);
	close_one(&watch->root);
	close_one(&watch->mount);
}

void hsm_watch_quiet(const struct hsm_watch *watch, int fd, enum hsm_quiet how)
{
	unsigned int flags = FAN_MARK_ADD | FAN_MARK_EVICTABLE |
			     FAN_MARK_IGNORED_MASK;

	/*
	 * FAN_MARK_IGNORE is refused without SURV on some kinds of mark; the
	 * older IGNORED_MASK means the same for a regular file.
	 */
	if (how == HSM_QUIET_ALWAYS)
		flags |= FAN_MARK_IGNORED_SURV_MODIFY;
	/* Best effort: without it the next access asks again. */
	fanotify_mark(watch->content, flags, HSM_CONTENT_EVENTS, fd, NULL);
}

bool hsm_watch_rearm(const struct hsm_watch *watch, int fd)
{
	/* A modification clears the mask; the mark stays: measured on 6.18. */
	return fanotify_mark(watch->content,
			     FAN_MARK_REMOVE | FAN_MARK_IGNORED_MASK,
			     HSM_CONTENT_EVENTS, fd, NULL) == 0;
}

void hsm_watch_changes_quiet(const struct hsm_watch *watch, int fd)
{
	fanotify_mark(watch->changes, FAN_MARK_ADD | FAN_MARK_EVICTABLE |
		      FAN_MARK_IGNORED_MASK | FAN_MARK_IGNORED_SURV_MODIFY,
		      FAN_MODIFY, fd, NULL);
}

void hsm_watch_changes_rearm(const struct hsm_watch *watch, int fd)
{
	fanotify_mark(watch->changes, FAN_MARK_REMOVE | FAN_MARK_IGNORED_MASK,
		      FAN_MODIFY, fd, NULL);
}

void hsm_watch_changes_again(struct hsm_watch_changes *state)
{
	state->next = state->pos;
}

/* 1: there is something; 0: not now. */
static int read_changes(const struct hsm_watch *watch,
			struct hsm_watch_changes *state)
{
	long len;

	memset(state->buf, 0, sizeof(state->buf));
	state->pos = state->next = 0;
	/* A kill while it reads: what there is ends where the zeros begin. */
	state->len = sizeof(state->buf);
	len = read(watch->changes, state->buf, sizeof(state->buf));
	state->len = len > 0 ? len : 0;
	if (len > 0)
		return 1;
	return len < 0 && errno != EAGAIN && errno != EINTR ? -errno : 0;
}

int hsm_watch_changes_next(const struct hsm_watch *watch,
			   struct hsm_watch_changes *state,
			   struct hsm_handle *out)
{
	for (;;) {
		struct fanotify_event_metadata event = { 0 };
		const struct fanotify_event_info_fid *fid;
		const char *start;
		long left;

		state->pos = state->next;
		/* The kernel aligns events to 4 bytes, the struct needs 8. */
		start = state->buf + state->pos;
		left = state->len - state->pos;
		if (left >= (long)sizeof(event))
			memcpy(&event, start, sizeof(event));
		if (!event.event_len) {
			int ret = read_changes(watch, state);

			if (ret <= 0)
				return ret;
			continue;
		}
		if (!FAN_EVENT_OK(&event, left))
			return -EBADMSG;
		state->next += event.event_len;
		if (event.mask & FAN_Q_OVERFLOW)
			return -EOVERFLOW;
		fid = (const void *)(start + sizeof(event));
		if (event.event_len >= sizeof(event) + sizeof(*fid) &&
		    fid->hdr.info_type == FAN_EVENT_INFO_TYPE_FID &&
		    hsm_handle_parse(fid->handle, event.event_len -
				     sizeof(event) - sizeof(*fid), out))
			return 1;
	}
}
