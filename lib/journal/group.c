// SPDX-License-Identifier: GPL-2.0-or-later
#include "journal/group.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "local/fanotify_abi.h"

#define CONTENT (FAN_MODIFY | FAN_CLOSE_WRITE)
#define HALVES (FAN_MOVED_FROM | FAN_MOVED_TO)

static int mark(int group, unsigned int flags, uint64_t mask, int fd)
{
	return fanotify_mark(group, flags, mask, fd, ".") < 0 ? -errno : 0;
}

int hsm_group_open(int dir_fd, int mount_fd, bool whole)
{
	HSM_CLOSE int fd = fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC |
					 FAN_NONBLOCK | FAN_UNLIMITED_QUEUE |
					 FAN_UNLIMITED_MARKS |
					 FAN_REPORT_DFID_NAME_TARGET,
					 O_RDONLY | O_LARGEFILE);
	int ret;

	if (fd < 0)
		return errno == EINVAL ? -EOPNOTSUPP : -errno;
	/* The exemption first: not even the first event is our own. */
	ret = mark(fd, FAN_MARK_ADD | FAN_MARK_MOUNT | FAN_MARK_IGNORE_SURV,
		   CONTENT, mount_fd);
	if (!ret)
		ret = mark(fd, FAN_MARK_ADD | FAN_MARK_FILESYSTEM,
			   HSM_CHANGE_EVENTS | FAN_ONDIR |
			   (whole ? 0 : HALVES), dir_fd);
	if (ret == -EINVAL || ret == -ENODEV)
		ret = -EOPNOTSUPP;
	return ret < 0 ? ret : hsm_steal_fd(&fd);
}

int hsm_group_end(int group)
{
	return fanotify_mark(group, FAN_MARK_FLUSH | FAN_MARK_FILESYSTEM, 0,
			     AT_FDCWD, NULL) < 0 ? -errno : 0;
}

int hsm_group_barrier(int dir_fd)
{
	int fd = fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC, O_RDONLY);
	int ret;

	if (fd < 0)
		return -errno;
	/* Whatever it hears, nobody reads. */
	ret = mark(fd, FAN_MARK_ADD, FAN_CLOSE_NOWRITE | FAN_ONDIR, dir_fd);
	close(fd);
	return ret;
}

void hsm_group_quiet(int group, int fd)
{
	char path[64];

	/* The kernel takes no O_PATH descriptor alone.  Best effort: without it
	 * the next event is recorded again. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	fanotify_mark(group, FAN_MARK_ADD | FAN_MARK_EVICTABLE |
		      FAN_MARK_IGNORE_SURV, CONTENT, AT_FDCWD, path);
}

/*
 * fanotify_group_event_mask() applies the ignore mask of either directory to a
 * rename as a whole; the half on the side that is heard comes all the same.
 */
#define OUTSIDE                                                              \
	((HSM_CHANGE_EVENTS | HALVES) | FAN_ONDIR | FAN_EVENT_ON_CHILD)

void hsm_group_quiet_outside(int group, int fd)
{
	fanotify_mark(group, FAN_MARK_ADD | FAN_MARK_EVICTABLE |
		      FAN_MARK_IGNORE_SURV, OUTSIDE, fd, ".");
}

void hsm_group_hear(int group, int fd)
{
	/* -ENOENT: it was heard all the time. */
	fanotify_mark(group, FAN_MARK_REMOVE | FAN_MARK_IGNORE_SURV, OUTSIDE,
		      fd, ".");
}

/* FANOTIFY_EVENT_ALIGN of fanotify_user.c. */
enum { INFO_ALIGN = 4 };

/* The handle in an info record of `len` bytes; `*rest` is what follows it. */
static bool read_handle(const struct fanotify_event_info_fid *info, size_t len,
			struct hsm_handle *out, const char **rest)
{
	*rest = len < sizeof(*info) ? NULL :
		hsm_handle_parse(info->handle, len - sizeof(*info), out);
	return *rest;
}

static bool read_info(const struct fanotify_event_info_header *head, size_t len,
		      struct hsm_change_event *out)
{
	const void *info = head;
	const char *name = NULL;
	size_t left;

	switch (head->info_type) {
	case FAN_EVENT_INFO_TYPE_FID:
		return read_handle(info, len, &out->inode, &name);
	case FAN_EVENT_INFO_TYPE_DFID:
		return read_handle(info, len, &out->parent, &name);
	case FAN_EVENT_INFO_TYPE_DFID_NAME:
	case FAN_EVENT_INFO_TYPE_OLD_DFID_NAME:
		if (!read_handle(info, len, &out->parent, &name))
			return false;
		out->name = name;
		break;
	case FAN_EVENT_INFO_TYPE_NEW_DFID_NAME:
		if (!read_handle(info, len, &out->parent2, &name))
			return false;
		out->name2 = name;
		break;
	default:
		return true;
	}
	left = len - (size_t)(name - (const char *)info);
	return memchr(name, '\0', left) != NULL;
}

int hsm_change_event_next(const void *buf, size_t len, size_t *pos,
			  struct hsm_change_event *out)
{
	const char *start = (const char *)buf + *pos;
	struct fanotify_event_metadata event;
	size_t left = len - *pos, at;

	memset(out, 0, sizeof(*out));
	if (!left)
		return 0;
	if (left < sizeof(event))
		return -EBADMSG;
	/* Events end where 4 bytes do, and this has members of 8. */
	memcpy(&event, start, sizeof(event));
	if (event.event_len < event.metadata_len || event.event_len > left ||
	    event.metadata_len < sizeof(event) ||
	    event.vers != FANOTIFY_METADATA_VERSION ||
	    (event.metadata_len | event.event_len) % INFO_ALIGN)
		return -EBADMSG;
	out->mask = event.mask;
	out->pid = event.pid;
	for (at = event.metadata_len; at < event.event_len;) {
		const struct fanotify_event_info_header *head =
			(const void *)(start + at);

		if (event.event_len - at < sizeof(*head) ||
		    head->len < sizeof(*head) || head->len % INFO_ALIGN ||
		    head->len > event.event_len - at ||
		    !read_info(head, head->len, out))
			return -EBADMSG;
		at += head->len;
	}
	*pos += event.event_len;
	return 1;
}
