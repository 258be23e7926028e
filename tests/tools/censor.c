// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Another program that is asked before files are opened, as a virus scanner is, and
 * after hsm-serve: censor FILE
 *
 * It holds the first open of FILE until its standard input ends, and lets all others
 * through.  Prints "watching" and, when it holds the first one, "held".
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/fanotify.h>
#include <unistd.h>

static bool answer(int group, const struct fanotify_event_metadata *event)
{
	struct fanotify_response response = { event->fd, FAN_ALLOW };

	return write(group, &response, sizeof(response)) == sizeof(response) ||
	       errno == ENOENT;
}

int main(int argc, char **argv)
{
	struct fanotify_event_metadata event;
	int group = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC, O_RDONLY);
	struct pollfd ready[2] = {
		{ .fd = group, .events = POLLIN },
		{ .fd = STDIN_FILENO, .events = POLLIN },
	};
	bool held = false;

	if (argc != 2 || group < 0 ||
	    fanotify_mark(group, FAN_MARK_ADD, FAN_OPEN_PERM, AT_FDCWD,
			  argv[1]) < 0) {
		perror("censor");
		return 2;
	}
	setlinebuf(stdout);
	puts("watching");
	/* When the group ends, the kernel lets the one that is held through. */
	while (poll(ready, 2, -1) > 0 && !ready[1].revents) {
		if (read(group, &event, FAN_EVENT_METADATA_LEN) !=
		    FAN_EVENT_METADATA_LEN)
			return 1;
		if (!held)
			puts("held");
		else if (!answer(group, &event))
			return 1;
		else
			close(event.fd);
		held = true;
	}
	return 0;
}
