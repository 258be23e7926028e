// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Control messages, by real sockets: what anyone may send to a server (the first
 * byte is 0), and what anyone may answer to a command (the others).  Root runs
 * it: nobody else gets an answer.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/engine.h"
#include "fuzz.h"
#include "server/control.h"
#include "server/journal.h"

/* A server that has no tree: whatever it is asked for, it can only refuse. */
static struct hsm_engine engine;
static struct hsm_engine_journal journal = {
	.lock = PTHREAD_MUTEX_INITIALIZER, .store_fd = -1, .store = -1,
	.watch = &engine.watch,
};
static struct hsm_control_server server = {
	.engine = &engine, .store_fd = -1, .journal = &journal,
};

static int connect_server(void)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof(address);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	fuzz_assert(fd >= 0 && !getsockname(server.listen_fd,
					    (struct sockaddr *)&address, &len));
	fuzz_assert(!connect(fd, (struct sockaddr *)&address, len));
	return fd;
}

static int start_server(void)
{
	struct sockaddr anywhere = { .sa_family = AF_UNIX };
	static struct hsm_log log;
	sigset_t all, before;
	pthread_t thread;
	char error[256];
	int ret;

	engine.log = journal.log = &log;
	engine.jobs = 1;
	engine.watch.content = engine.watch.changes = engine.watch.root = -1;
	engine.shared = calloc(1, sizeof(*engine.shared));
	fuzz_assert(engine.shared);
	fuzz_assert(!hsm_remote_open(&engine.remote, "file:///proc/nowhere/",
				     &(struct hsm_remote_options){ 0 }, &log,
				     error, sizeof(error)));
	fuzz_assert(!hsm_engine_start(&engine));
	server.listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	fuzz_assert(server.listen_fd >= 0);
	/* The kernel chooses a name without a place in the file system. */
	fuzz_assert(!bind(server.listen_fd, &anywhere, sizeof(sa_family_t)));
	fuzz_assert(!listen(server.listen_fd, 16));
	/* The fuzzer's alarm is for the fuzzer. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	ret = pthread_create(&thread, NULL, hsm_control_serve, &server);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return ret;
}

/* The fuzzer's own alarm may come in between. */
static void receive(int fd, struct hsm_control_reply *reply)
{
	ssize_t len;

	do {
		len = recv(fd, reply, sizeof(*reply), 0);
	} while (len < 0 && errno == EINTR);
	fuzz_assert(len == sizeof(*reply));
}

static void ask(const uint8_t *data, size_t size)
{
	static int fd = -1;
	struct hsm_control_reply reply;
	struct hsm_control_request request = { .version = HSM_CONTROL_VERSION };

	if (fd < 0) {
		fuzz_assert(!start_server());
		fd = connect_server();
	}
	if (!size) /* a message of no bytes ends a conversation */
		return;
	/* As it is; then as the body of a message that has the right size. */
	fuzz_assert(send(fd, data, size, MSG_NOSIGNAL) == (ssize_t)size);
	receive(fd, &reply);
	if (size != sizeof(request))
		fuzz_assert(reply.error == -EPROTO);
	memcpy(&request.op, data, size < 4 ? size : 4);
	request.op %= 16;
	if (size > 4)
		memcpy(&request.handle, data + 4,
		       size - 4 < sizeof(request) - 8 ? size - 4 :
							sizeof(request) - 8);
	fuzz_assert(send(fd, &request, sizeof(request), MSG_NOSIGNAL) ==
		    sizeof(request));
	receive(fd, &reply);
	fuzz_assert(reply.error <= 0);
}

static int lowest_fd(void)
{
	int fd = fcntl(0, F_DUPFD_CLOEXEC, 3);

	close(fd);
	return fd;
}

static void send_fds(int fd, const void *data, size_t size, unsigned int count)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(4 * sizeof(int))];
	} control = { .head = {
		.cmsg_len = CMSG_LEN(count * sizeof(int)),
		.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS,
	} };
	struct iovec part = { (void *)(uintptr_t)data, size };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

	if (count) {
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(count * sizeof(int));
	}
	for (unsigned int i = 0; i < count; i++)
		memcpy(CMSG_DATA(&control.head) + i * sizeof(int), &(int){ 0 },
		       sizeof(int));
	fuzz_assert(sendmsg(fd, &message, MSG_NOSIGNAL) == (ssize_t)size);
}

static void answer(unsigned int kind, const uint8_t *data, size_t size)
{
	static const struct hsm_control_request request = {
		.version = HSM_CONTROL_VERSION, .op = HSM_CONTROL_HELLO,
	};
	struct hsm_control_reply *reply = malloc(sizeof(*reply));
	uint8_t *full = calloc(1, sizeof(*reply));
	int free_before = lowest_fd(), pair[2], root, error;

	fuzz_assert(reply && full);
	fuzz_assert(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair));
	if (kind & 4) { /* of the right size */
		memcpy(full, data, size < sizeof(*reply) ? size : sizeof(*reply));
		send_fds(pair[1], full, sizeof(*reply), kind & 3);
	} else {
		send_fds(pair[1], data, size, kind & 3);
	}
	error = hsm_control_call(pair[0], &request, reply, &root, 0);
	fuzz_assert(error <= 0);
	if (!error)
		fuzz_use(reply->url, strlen(reply->url) + 1);
	if (root >= 0)
		close(root);
	close(pair[0]);
	close(pair[1]);
	/* No descriptor that came is kept. */
	fuzz_assert(lowest_fd() == free_before);
	free(reply);
	free(full);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	if (!data[0])
		ask(data + 1, size - 1);
	else
		answer(data[0], data + 1, size - 1);
	return 0;
}
