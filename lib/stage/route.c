// SPDX-License-Identifier: GPL-2.0-or-later
#include "stage/route.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"

enum { LINKS = 40 };

bool hsm_route_begin(struct hsm_route *route, const char *path, bool enters)
{
	route->links = 0;
	route->enters = enters;
	route->name[0] = '\0';
	return snprintf(route->rest, sizeof(route->rest), "%s", path) < PATH_MAX;
}

/* Put the target of the link in front of the rest; false: it leads away. */
static bool follow_link(struct hsm_route *route, int at, const char *name)
{
	char target[PATH_MAX], whole[2 * PATH_MAX];
	ssize_t len = readlinkat(at, name, target, sizeof(target) - 1);

	if (len <= 0 || target[0] == '/' || route->links++ == LINKS)
		return false;
	target[len] = '\0';
	if (snprintf(whole, sizeof(whole), "%s/%s", target, route->rest) >=
	    PATH_MAX)
		return false;
	strcpy(route->rest, whole);
	return true;
}

/* Take the next component off the rest.  False: none is left. */
static bool take_name(struct hsm_route *route, char *name, bool *last)
{
	const char *part = route->rest + strspn(route->rest, "/");
	size_t len = strcspn(part, "/");

	if (!len || len > NAME_MAX)
		return false;
	memcpy(name, part, len);
	name[len] = '\0';
	/* With a slash after it, it is to be a directory: walked into. */
	*last = !part[len];
	memmove(route->rest, part + len, strlen(part + len) + 1);
	return true;
}

bool hsm_route_next(struct hsm_route *route, int *at)
{
	char name[NAME_MAX + 1];
	bool last;

	while (take_name(route, name, &last)) {
		int next;

		if (!strcmp(name, "."))
			continue;
		if (last && !route->enters)
			return false;
		next = openat(*at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
			      O_NONBLOCK | O_CLOEXEC);
		if (next < 0) {
			if ((errno == ELOOP || errno == ENOTDIR) &&
			    follow_link(route, *at, name))
				continue;
			return false;
		}
		close(*at);
		*at = next;
		strcpy(route->name, name);
		return true;
	}
	return false;
}

bool hsm_route_through(struct hsm_route *route, int base, const char *path,
		       bool enters, int fd)
{
	HSM_CLOSE int at = dup(base);

	if (at < 0 || !hsm_route_begin(route, path, enters))
		return false;
	while (hsm_route_next(route, &at))
		if (hsm_fd_same(at, fd)) {
			route->links = 0;
			return true;
		}
	return false;
}
