// SPDX-License-Identifier: GPL-2.0-or-later
#include "stage/respond.h"

#include <errno.h>
#include <unistd.h>

#include "local/fanotify_abi.h"

/* What FAN_DENY_ERRNO() takes: fanotify_response.c of 6.14, measured on 6.18. */
static int accepted(int error)
{
	switch (error) {
	case EPERM:
	case EIO:
	case EBUSY:
	case ETXTBSY:
	case EAGAIN:
	case ENOSPC:
	case EDQUOT:
		return error;
	}
	return EIO;
}

static int answer(int group, int event_fd, unsigned int response)
{
	const struct fanotify_response record = {
		.fd = event_fd, .response = response,
	};
	ssize_t len;

	do {
		len = write(group, &record, sizeof(record));
	} while (len < 0 && errno == EINTR);
	return len < 0 ? -errno : 0;
}

int hsm_respond(int group, int event_fd, int error)
{
	int ret;

	if (!error)
		return answer(group, event_fd, FAN_ALLOW);
	ret = answer(group, event_fd, FAN_DENY_ERRNO(accepted(-error)));
	/* A refused answer leaves the reader waiting: say it the old way. */
	return ret == -EINVAL ? answer(group, event_fd, FAN_DENY) : ret;
}
