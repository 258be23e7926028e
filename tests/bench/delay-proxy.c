/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * delay-proxy MILLISECONDS PORT: listen on a free loopback port, print it, and
 * pass every connection on to 127.0.0.1:PORT as if it were MILLISECONDS of
 * round trip away.  Bytes wait half of that in each direction; a connection
 * costs one round trip more, as its handshake would.  Bandwidth is not limited
 * (up to IN_FLIGHT bytes are on their way in each direction).
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CHUNK (256 * 1024)
#define IN_FLIGHT (32 * 1024 * 1024)

/* Bytes on their way; `len` 0 is the end of the stream. */
struct chunk {
	struct chunk *next;
	int64_t due_ns;
	size_t len, sent;
	char data[CHUNK];
};

/* One direction of a connection. */
struct leg {
	int from, to;
	int64_t opens_ns;
	bool readable, writable, ended, done;
	size_t held;
	struct chunk *head, **tail;
};

struct link {
	struct link *next;
	struct leg up, down;
	bool broken;
};

struct proxy {
	int epoll, listener;
	int64_t half_ns;
	struct sockaddr_in server;
	struct link *links;
	struct chunk *spare;
};

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static struct chunk *chunk_get(struct proxy *proxy)
{
	struct chunk *chunk = proxy->spare;

	if (chunk)
		proxy->spare = chunk->next;
	else if (!(chunk = malloc(sizeof(*chunk))))
		err(1, "malloc");
	chunk->next = NULL;
	chunk->sent = 0;
	return chunk;
}

static void chunk_put(struct proxy *proxy, struct chunk *chunk)
{
	chunk->next = proxy->spare;
	proxy->spare = chunk;
}

static void leg_init(struct leg *leg, int from, int to)
{
	*leg = (struct leg){ .from = from, .to = to };
	leg->tail = &leg->head;
}

/* Take what has arrived.  False: the connection is broken. */
static bool leg_take(struct proxy *proxy, struct leg *leg)
{
	int64_t now = now_ns();

	while (leg->readable && !leg->ended && leg->held < IN_FLIGHT &&
	       leg->opens_ns <= now) {
		struct chunk *chunk = chunk_get(proxy);
		ssize_t n = recv(leg->from, chunk->data, CHUNK, 0);

		if (n < 0) {
			leg->readable = false;
			chunk_put(proxy, chunk);
			return errno == EAGAIN;
		}
		chunk->len = n;
		chunk->due_ns = now_ns() + proxy->half_ns;
		leg->ended = n == 0;
		leg->held += n;
		*leg->tail = chunk;
		leg->tail = &chunk->next;
	}
	return true;
}

static void leg_pop(struct proxy *proxy, struct leg *leg)
{
	struct chunk *chunk = leg->head;

	leg->held -= chunk->len;
	leg->head = chunk->next;
	if (!leg->head)
		leg->tail = &leg->head;
	chunk_put(proxy, chunk);
}

/* Hand over what is due.  False: the connection is broken. */
static bool leg_give(struct proxy *proxy, struct leg *leg)
{
	while (leg->head && leg->writable && leg->head->due_ns <= now_ns()) {
		struct chunk *chunk = leg->head;
		ssize_t n;

		if (chunk->len)
			n = send(leg->to, chunk->data + chunk->sent,
				 chunk->len - chunk->sent, MSG_NOSIGNAL);
		else
			n = shutdown(leg->to, SHUT_WR);
		if (n < 0 && errno != EAGAIN)
			return false;
		if (n < 0) {
			leg->writable = false;
			return true;
		}
		leg->done = !chunk->len;
		chunk->sent += n;
		if (chunk->sent == chunk->len)
			leg_pop(proxy, leg);
	}
	return true;
}

static void link_run(struct proxy *proxy, struct link *link)
{
	struct leg *legs[] = { &link->up, &link->down };

	for (int i = 0; i < 2 && !link->broken; i++)
		link->broken = !leg_take(proxy, legs[i]) ||
			       !leg_give(proxy, legs[i]) ||
			       !leg_take(proxy, legs[i]);
	if (link->up.done && link->down.done)
		link->broken = true;
}

static void link_free(struct proxy *proxy, struct link *link)
{
	while (link->up.head)
		leg_pop(proxy, &link->up);
	while (link->down.head)
		leg_pop(proxy, &link->down);
	close(link->up.from);
	close(link->up.to);
	free(link);
}

/* An event for the socket that `link` reads from in `in` and writes to in `out`. */
static void leg_events(struct leg *in, struct leg *out, uint32_t events)
{
	if (events & ~(uint32_t)EPOLLOUT)
		in->readable = true;
	if (events & ~(uint32_t)EPOLLIN)
		out->writable = true;
}

static void watch(struct proxy *proxy, int fd, void *tag)
{
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
		.data.ptr = tag,
	};
	int one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (epoll_ctl(proxy->epoll, EPOLL_CTL_ADD, fd, &event))
		err(1, "epoll_ctl");
}

static void accept_one(struct proxy *proxy)
{
	int client = accept4(proxy->listener, NULL, NULL, SOCK_NONBLOCK);
	int server = socket(AF_INET, SOCK_STREAM, 0);
	struct link *link = calloc(1, sizeof(*link));

	if (client < 0 || server < 0 || !link)
		err(1, "accept");
	if (connect(server, (struct sockaddr *)&proxy->server,
		    sizeof(proxy->server))) {
		warn("connect");
		close(client);
		close(server);
		free(link);
		return;
	}
	fcntl(server, F_SETFL, O_NONBLOCK);
	leg_init(&link->up, client, server);
	leg_init(&link->down, server, client);
	link->up.opens_ns = now_ns() + 2 * proxy->half_ns;
	link->next = proxy->links;
	proxy->links = link;
	/* The lowest bit of the tag tells the server's socket from the client's. */
	watch(proxy, client, link);
	watch(proxy, server, (char *)link + 1);
}

static void dispatch(struct proxy *proxy, const struct epoll_event *event)
{
	uintptr_t tag = (uintptr_t)event->data.ptr;
	struct link *link = (struct link *)(tag & ~(uintptr_t)1);

	if (!link)
		accept_one(proxy);
	else if (tag & 1)
		leg_events(&link->down, &link->up, event->events);
	else
		leg_events(&link->up, &link->down, event->events);
}

static int64_t sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t leg_wakes(const struct leg *leg, int64_t wake)
{
	if (leg->readable && leg->held < IN_FLIGHT && !leg->ended)
		wake = sooner(wake, leg->opens_ns);
	if (leg->head && leg->writable)
		wake = sooner(wake, leg->head->due_ns);
	return wake;
}

/* Run every link; return when the next one has something to do. */
static int64_t run_links(struct proxy *proxy)
{
	struct link **at = &proxy->links;
	int64_t wake = INT64_MAX;

	while (*at) {
		struct link *link = *at;

		link_run(proxy, link);
		if (link->broken) {
			*at = link->next;
			link_free(proxy, link);
			continue;
		}
		wake = leg_wakes(&link->up, wake);
		wake = leg_wakes(&link->down, wake);
		at = &link->next;
	}
	return wake;
}

static void serve(struct proxy *proxy)
{
	struct epoll_event events[64];
	int64_t wake = INT64_MAX;

	for (;;) {
		int64_t left = wake == INT64_MAX ? 0 : wake - now_ns();
		struct timespec wait = { 0 };
		int n;

		if (left > 0) {
			wait.tv_sec = left / 1000000000;
			wait.tv_nsec = left % 1000000000;
		}
		n = epoll_pwait2(proxy->epoll, events, 64,
				 wake == INT64_MAX ? NULL : &wait, NULL);
		if (n < 0 && errno != EINTR)
			err(1, "epoll_wait");
		for (int i = 0; i < n; i++)
			dispatch(proxy, &events[i]);
		wake = run_links(proxy);
	}
}

static void listen_loopback(struct proxy *proxy)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(address);
	struct epoll_event event = { .events = EPOLLIN };

	proxy->listener = socket(AF_INET, SOCK_STREAM, 0);
	if (proxy->listener < 0 ||
	    bind(proxy->listener, (struct sockaddr *)&address, len) ||
	    listen(proxy->listener, 1024) ||
	    getsockname(proxy->listener, (struct sockaddr *)&address, &len))
		err(1, "listen");
	if (epoll_ctl(proxy->epoll, EPOLL_CTL_ADD, proxy->listener, &event))
		err(1, "epoll_ctl");
	printf("%u\n", ntohs(address.sin_port));
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct proxy proxy = { .server.sin_family = AF_INET };

	if (argc != 3)
		errx(2, "usage: delay-proxy MILLISECONDS PORT");
	proxy.half_ns = strtod(argv[1], NULL) * 1e6 / 2;
	proxy.server.sin_port = htons(strtoul(argv[2], NULL, 10));
	proxy.server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	proxy.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (proxy.epoll < 0)
		err(1, "epoll_create1");
	listen_loopback(&proxy);
	serve(&proxy);
}
