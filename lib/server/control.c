// SPDX-License-Identifier: GPL-2.0-or-later
/* Both ends of the control socket, up to the message. */
#include "server/control.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/cleanup.h"

static const char folder[] = "/run/hsm";

static void address_of(uint64_t id, struct sockaddr_un *address)
{
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(address->sun_path, sizeof(address->sun_path), "%s/%016" PRIx64,
		 folder, id);
}

/* Does anybody listen, who is not just about to be gone? */
static bool is_served(uint64_t id)
{
	unsigned int tries;

	for (tries = 0; tries < 50; tries++) {
		HSM_CLOSE int fd = hsm_control_connect(id);

		if (fd < 0)
			return false;
		poll(NULL, 0, 20);
	}
	return true;
}

int hsm_control_listen(uint64_t id)
{
	HSM_CLOSE int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr_un address;
	mode_t mask;
	int ret;

	if (fd < 0)
		return -errno;
	if (mkdir(folder, 0700) < 0 && errno != EEXIST)
		return -errno;
	address_of(id, &address);
	/* We hold the store's lock: whoever made it is gone, or has a copy. */
	if (is_served(id))
		return -EADDRINUSE;
	unlink(address.sun_path);
	mask = umask(0177);
	ret = bind(fd, (struct sockaddr *)&address, sizeof(address));
	umask(mask);
	if (ret < 0 || listen(fd, 64) < 0)
		return -errno;
	return hsm_steal_fd(&fd);
}

void hsm_control_unlink(uint64_t id)
{
	struct sockaddr_un address;

	address_of(id, &address);
	unlink(address.sun_path);
}

int hsm_control_connect(uint64_t id)
{
	HSM_CLOSE int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr_un address;

	if (fd < 0)
		return -errno;
	address_of(id, &address);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return hsm_steal_fd(&fd);
}

int hsm_control_peer(int fd, pid_t *pid)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return -errno;
	*pid = peer.pid;
	return 0;
}

/* The descriptor that came with `message`, or -1; more than one: none is kept. */
static int take_fd(struct msghdr *message)
{
	struct cmsghdr *head = CMSG_FIRSTHDR(message);
	size_t count, i;
	int fds[2];

	if (!head || head->cmsg_level != SOL_SOCKET ||
	    head->cmsg_type != SCM_RIGHTS || head->cmsg_len < CMSG_LEN(0))
		return -1;
	count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	if (count > sizeof(fds) / sizeof(fds[0]))
		count = sizeof(fds) / sizeof(fds[0]);
	memcpy(fds, CMSG_DATA(head), count * sizeof(int));
	if (count == 1)
		return fds[0];
	/* The space for one has room for two. */
	for (i = 0; i < count; i++)
		close(fds[i]);
	return -1;
}

static bool reply_valid(const struct hsm_control_reply *reply, ssize_t len)
{
	return len == sizeof(*reply) && reply->error <= 0 &&
	       memchr(reply->url, '\0', sizeof(reply->url));
}

int hsm_control_call(int fd, const struct hsm_control_request *request,
		     struct hsm_control_reply *reply, int *root_fd,
		     int timeout_ms)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec part = { reply, sizeof(*reply) };
	struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	int received;
	ssize_t len;

	if (root_fd)
		*root_fd = -1;
	if (send(fd, request, sizeof(*request), MSG_NOSIGNAL) < 0)
		return -ECONNRESET;
	do {
		len = poll(&ready, 1, timeout_ms);
	} while (len < 0 && errno == EINTR);
	if (!len)
		return -ETIMEDOUT;
	len = recvmsg(fd, &message, MSG_CMSG_CLOEXEC | MSG_TRUNC);
	if (len < 0)
		return -errno;
	received = take_fd(&message);
	if (root_fd && reply_valid(reply, len))
		*root_fd = hsm_steal_fd(&received);
	if (received >= 0)
		close(received);
	return reply_valid(reply, len) ? reply->error : -ECONNRESET;
}

bool hsm_control_allowed(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
	       peer.uid == 0;
}

bool hsm_control_valid(const struct hsm_control_request *request, ssize_t len)
{
	return len == sizeof(*request) &&
	       request->version == HSM_CONTROL_VERSION &&
	       request->handle.bytes <= HSM_HANDLE_MAX &&
	       memchr(request->path, '\0', sizeof(request->path));
}

int hsm_control_reply(int fd, const struct hsm_control_reply *reply,
		      int fd_to_send)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { .head = {
		.cmsg_len = CMSG_LEN(sizeof(int)),
		.cmsg_level = SOL_SOCKET,
		.cmsg_type = SCM_RIGHTS,
	} };
	struct iovec part = { (void *)(uintptr_t)reply, sizeof(*reply) };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

	if (fd_to_send >= 0) {
		memcpy(CMSG_DATA(&control.head), &fd_to_send, sizeof(int));
		message.msg_control = &control;
		message.msg_controllen = sizeof(control);
	}
	return sendmsg(fd, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}
