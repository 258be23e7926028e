// SPDX-License-Identifier: GPL-2.0-or-later
#include "server/loops.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "engine/request.h"

static ssize_t read_attribute(const char *device, const char *name, char *buf,
			      size_t size)
{
	char path[128];
	ssize_t len;

	snprintf(path, sizeof(path), "/sys/block/%s/%s", device, name);
	len = hsm_fd_text(AT_FDCWD, path, buf, size);
	if (len <= 0)
		return -1;
	buf[len - (buf[len - 1] == '\n')] = '\0';
	return len;
}

/* The file behind the device, below our root; -1 when it is none of ours. */
static int open_backing(struct hsm_engine *engine, const char *device,
			struct hsm_handle *handle, struct hsm_facts *facts)
{
	HSM_CLOSE int found = -1;
	HSM_CLOSE int fd = -1;
	char path[PATH_MAX];
	struct stat root, st;

	if (read_attribute(device, "loop/backing_file", path, sizeof(path)) < 0)
		return -1;
	found = open(path, O_PATH | O_CLOEXEC);
	if (found < 0 || fstat(found, &st) < 0 ||
	    fstat(engine->watch.root, &root) < 0 || st.st_dev != root.st_dev ||
	    hsm_handle_get(found, handle) < 0)
		return -1;
	fd = hsm_handle_open(engine->watch.root, handle, O_RDONLY | O_NOATIME);
	if (fd < 0 || hsm_inspect(fd, engine->store_id, facts) < 0 ||
	    !facts->ours)
		return -1;
	return hsm_steal_fd(&fd);
}

static void look_at(struct hsm_engine *engine, const char *device)
{
	struct hsm_handle handle;
	struct hsm_facts facts;
	HSM_CLOSE int fd = open_backing(engine, device, &handle, &facts);
	char read_only[16] = "1";

	if (fd < 0 || facts.flags & HSM_FLAG_DIRTY)
		return;
	if (facts.content != HSM_CONTENT_ALL &&
	    !(facts.flags & HSM_FLAG_WHOLE)) {
		hsm_log(engine->log, HSM_LOG_WARNING,
			"%s: %s was set up over it before it was here; "
			"it is filled now, what was read of it so far may be "
			"zeros (see --whole-for)", facts.mark.origin, device);
		if (hsm_request_hydrate(engine, &handle, 0, 0) < 0)
			return;
	}
	read_attribute(device, "ro", read_only, sizeof(read_only));
	if (read_only[0] == '0' && fdatasync(fd) == 0)
		hsm_mark_set(fd, HSM_FLAG_DIRTY);
}

void *hsm_loops_watch(void *arg)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC,
			NETLINK_KOBJECT_UEVENT);
	char message[8192];
	ssize_t len;

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return NULL;
	while ((len = recv(fd, message, sizeof(message) - 1, 0)) >= 0 ||
	       errno == EINTR || errno == ENOBUFS) {
		char *name;

		if (len <= 0)
			continue;
		message[len] = '\0';
		/* "change@/devices/virtual/block/loop7" */
		name = strrchr(message, '/');
		if (!strncmp(message, "change@", 7) && name &&
		    !strncmp(name, "/loop", 5) && strlen(name) < 32)
			look_at(arg, name + 1);
	}
	close(fd);
	return NULL;
}
