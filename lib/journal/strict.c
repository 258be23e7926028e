// SPDX-License-Identifier: GPL-2.0-or-later
#include "journal/strict.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/cleanup.h"
#include "journal/intents.h"
#include "journal/opened.h"
#include "local/fanotify_abi.h"
#include "local/lease.h"

/* More than one: to read an event can mean to wait for somebody's lease. */
enum { READERS = 4 };

/* Who waits, and what has to be on the disk before they go on. */
struct batch {
	int *fds;
	size_t count, room;
	unsigned char *bytes;
	size_t len, size;
	bool durable; /* one of them is older than the period */
};

struct hsm_strict {
	struct hsm_strict_options options;
	int group, end;
	pthread_t threads[READERS + 1];
	unsigned int thread_count;
	atomic_bool failed;
	pthread_mutex_t lock; /* around all that follows */
	pthread_cond_t work, idle;
	bool stop, busy;
	struct batch queue;
	struct timespec began; /* the period */
	struct hsm_intents intents;
	uint64_t opens, syncs;
};

static void fail(struct hsm_strict *strict, const char *why)
{
	if (!atomic_exchange(&strict->failed, true))
		hsm_log(strict->options.log, HSM_LOG_ERROR,
			"an opening for writing could not be written down: %s",
			why);
}

static void allow(const struct hsm_strict *strict, int fd)
{
	const struct fanotify_response response = { fd, FAN_ALLOW };

	/* It can fail only when the opener was killed meanwhile. */
	if (write(strict->group, &response, sizeof(response)) < 0)
		errno = 0;
	if (fd >= 0)
		close(fd);
}

static int grow(struct batch *batch)
{
	void *grown;

	if (batch->count == batch->room) {
		size_t room = batch->room ? 2 * batch->room : 64;

		grown = realloc(batch->fds, room * sizeof(*batch->fds));
		if (!grown)
			return -ENOMEM;
		batch->fds = grown;
		batch->room = room;
	}
	if (batch->size - batch->len < HSM_RECORD_MAX) {
		size_t size = 2 * (batch->len + HSM_RECORD_MAX);

		grown = realloc(batch->bytes, size);
		if (!grown)
			return -ENOMEM;
		batch->bytes = grown;
		batch->size = size;
	}
	return 0;
}

static bool later(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec > b->tv_sec ||
	       (a->tv_sec == b->tv_sec && a->tv_nsec > b->tv_nsec);
}

/* Takes `fd` over. */
static void enqueue(struct hsm_strict *strict, int fd,
		    const struct hsm_opened *opened)
{
	struct batch *queue = &strict->queue;
	struct timespec now;
	int ret;

	clock_gettime(CLOCK_REALTIME, &now);
	pthread_mutex_lock(&strict->lock);
	ret = grow(queue);
	if (!ret) {
		queue->fds[queue->count++] = fd;
		queue->len += hsm_record_encode(&opened->record,
						queue->bytes + queue->len);
		/* What was born in the future was born by another clock. */
		queue->durable |= !later(&opened->born, &strict->began) ||
				  later(&opened->born, &now);
		pthread_cond_signal(&strict->work);
	}
	pthread_mutex_unlock(&strict->lock);
	if (ret < 0) {
		fail(strict, strerror(-ret));
		allow(strict, fd);
	}
}

/* What we do ourselves must not wait for us, nor does it matter. */
static bool is_own(int tid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/task/%d", tid);
	return access(path, F_OK) == 0;
}

static void handle(struct hsm_strict *strict,
		   const struct fanotify_event_metadata *event)
{
	struct hsm_opened opened;
	int fd = event->fd, ret;

	if (event->mask & FAN_Q_OVERFLOW) {
		fail(strict, "the kernel's queue ran over");
		return;
	}
	if (fd < 0)
		fail(strict, strerror(-fd));
	if (fd < 0 || !hsm_lease_writer(fd) || is_own(event->pid) ||
	    (strict->options.reads && strict->options.reads(event->pid))) {
		allow(strict, fd);
		return;
	}
	ret = hsm_opened_describe(strict->options.root, strict->options.whole,
				  fd, &opened);
	if (ret < 0)
		fail(strict, strerror(-ret));
	if (ret <= 0)
		allow(strict, fd);
	else
		enqueue(strict, fd, &opened);
}

static void *read_events(void *arg)
{
	struct hsm_strict *strict = arg;

	for (;;) {
		struct pollfd ready[2] = { { strict->group, POLLIN, 0 },
					   { strict->end, POLLIN, 0 } };
		/* One at a time: the others must not wait for its lease. */
		struct fanotify_event_metadata event;

		poll(ready, 2, -1);
		if (ready[1].revents)
			return NULL;
		if (ready[0].revents &&
		    read(strict->group, &event, sizeof(event)) ==
			    sizeof(event))
			handle(strict, &event);
	}
}

/* The file is in this period's list: it need not be asked about again in it. */
static void quiet(const struct hsm_strict *strict, int fd)
{
	fanotify_mark(strict->group, FAN_MARK_ADD | FAN_MARK_EVICTABLE |
		      FAN_MARK_IGNORED_MASK | FAN_MARK_IGNORED_SURV_MODIFY,
		      FAN_OPEN_PERM, fd, NULL);
}

/* With the lock held, but not while it waits for the disk. */
static void commit(struct hsm_strict *strict, struct batch *batch)
{
	struct batch taken = strict->queue;
	size_t i;
	int ret;

	strict->queue = *batch;
	*batch = taken;
	strict->busy = true;
	pthread_mutex_unlock(&strict->lock);
	ret = hsm_intents_add(&strict->intents, batch->bytes, batch->len,
			      batch->durable);
	if (ret < 0)
		fail(strict, strerror(-ret));
	for (i = 0; i < batch->count; i++) {
		quiet(strict, batch->fds[i]);
		allow(strict, batch->fds[i]);
	}
	ret = ret < 0 ? 0 : hsm_intents_reserve(&strict->intents);
	if (ret < 0)
		fail(strict, strerror(-ret));
	pthread_mutex_lock(&strict->lock);
	strict->opens += batch->count;
	strict->syncs += batch->durable;
	strict->busy = false;
	batch->count = batch->len = 0;
	batch->durable = false;
	pthread_cond_broadcast(&strict->idle);
}

static void *write_down(void *arg)
{
	struct hsm_strict *strict = arg;
	struct batch batch = { 0 };

	pthread_mutex_lock(&strict->lock);
	while (!strict->stop || strict->queue.count) {
		if (strict->queue.count && !strict->busy)
			commit(strict, &batch);
		else
			pthread_cond_wait(&strict->work, &strict->lock);
	}
	pthread_mutex_unlock(&strict->lock);
	free(batch.fds);
	free(batch.bytes);
	return NULL;
}

static int open_group(struct hsm_strict *strict)
{
	const struct hsm_strict_options *options = &strict->options;

	/* Not O_NONBLOCK: see open_content() in watch.c. */
	strict->group = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC |
				      FAN_NONBLOCK | FAN_UNLIMITED_QUEUE |
				      FAN_UNLIMITED_MARKS |
				      FAN_REPORT_FD_ERROR | FAN_REPORT_TID,
				      O_RDONLY | O_LARGEFILE | O_CLOEXEC);
	if (strict->group < 0)
		return errno == EINVAL ? -EOPNOTSUPP : -errno;
	/* The exemption first. */
	if (fanotify_mark(strict->group, FAN_MARK_ADD | FAN_MARK_MOUNT |
			  FAN_MARK_IGNORE_SURV, FAN_OPEN_PERM, options->mount,
			  ".") < 0 ||
	    fanotify_mark(strict->group, FAN_MARK_ADD | FAN_MARK_FILESYSTEM,
			  FAN_OPEN_PERM, options->root, ".") < 0)
		return errno == EINVAL ? -EOPNOTSUPP : -errno;
	return 0;
}

static int start_threads(struct hsm_strict *strict)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i <= READERS; i++) {
		ret = -pthread_create(&strict->threads[i], NULL,
				      i ? read_events : write_down, strict);
		strict->thread_count += !ret;
	}
	return ret;
}

int hsm_strict_start(struct hsm_strict **out,
		     const struct hsm_strict_options *options,
		     const struct hsm_journal *journal)
{
	struct hsm_strict *strict = calloc(1, sizeof(*strict));
	int ret;

	if (!strict)
		return -ENOMEM;
	strict->options = *options;
	strict->group = strict->intents.fd = -1;
	clock_gettime(CLOCK_REALTIME, &strict->began);
	pthread_mutex_init(&strict->lock, NULL);
	pthread_cond_init(&strict->work, NULL);
	pthread_cond_init(&strict->idle, NULL);
	strict->end = eventfd(0, EFD_CLOEXEC);
	ret = strict->end < 0 ? -errno :
	      hsm_intents_open(&strict->intents, journal, journal->period);
	/* Whoever is asked about from now on waits until the threads run. */
	if (!ret)
		ret = open_group(strict);
	if (!ret)
		ret = start_threads(strict);
	if (ret < 0)
		hsm_strict_stop(strict);
	else
		*out = strict;
	return ret;
}

int hsm_strict_turn(struct hsm_strict *strict,
		    const struct hsm_journal *journal, uint64_t n)
{
	struct hsm_intents next, old;
	/* Not with the lock held: to open it may wait for a thaw. */
	int ret = hsm_intents_open(&next, journal, n);

	if (ret < 0)
		return ret;
	pthread_mutex_lock(&strict->lock);
	while (strict->busy)
		pthread_cond_wait(&strict->idle, &strict->lock);
	clock_gettime(CLOCK_REALTIME, &strict->began);
	/* Who waits by now may have been young in the old period only. */
	strict->queue.durable |= strict->queue.count > 0;
	old = strict->intents;
	strict->intents = next;
	/* Those whom the old period need not ask again. */
	if (fanotify_mark(strict->group, FAN_MARK_FLUSH, 0, AT_FDCWD, NULL) < 0)
		ret = -errno;
	hsm_log(strict->options.log, HSM_LOG_DEBUG, "strict: %" PRIu64
		" openings for writing were written down, %" PRIu64 " syncs",
		strict->opens, strict->syncs);
	pthread_mutex_unlock(&strict->lock);
	hsm_intents_close(&old);
	return ret;
}

static int add_carried(struct hsm_strict *strict, struct hsm_log_image *image)
{
	struct batch carried = { 0 };
	struct hsm_record record;
	int ret = 0;

	while (!ret && hsm_log_image_next(image, &record) == 1) {
		if (!(record.what & HSM_RECORD_CARRIED))
			continue;
		record.what |= HSM_RECORD_INTENT;
		ret = grow(&carried);
		if (!ret)
			carried.len += hsm_record_encode(&record, carried.bytes +
							 carried.len);
	}
	if (!ret && carried.len)
		ret = hsm_intents_add(&strict->intents, carried.bytes,
				      carried.len, true);
	free(carried.fds);
	free(carried.bytes);
	return ret;
}

int hsm_strict_carry(struct hsm_strict *strict, int fd)
{
	struct hsm_log_image image;
	int ret = hsm_log_image_load(&image, fd);

	if (ret < 0)
		return ret;
	pthread_mutex_lock(&strict->lock);
	while (strict->busy)
		pthread_cond_wait(&strict->idle, &strict->lock);
	/* Whoever waits for a commit waits for this one, too. */
	strict->busy = true;
	pthread_mutex_unlock(&strict->lock);
	ret = add_carried(strict, &image);
	pthread_mutex_lock(&strict->lock);
	strict->busy = false;
	pthread_cond_signal(&strict->work);
	pthread_mutex_unlock(&strict->lock);
	hsm_log_image_free(&image);
	return ret;
}

bool hsm_strict_failed(struct hsm_strict *strict)
{
	return atomic_exchange(&strict->failed, false);
}

void hsm_strict_stop(struct hsm_strict *strict)
{
	uint64_t one = 1;
	unsigned int i;

	if (!strict)
		return;
	/* From here on nobody is asked about: the mark goes with the group. */
	if (strict->thread_count && write(strict->end, &one, sizeof(one)) < 0)
		errno = 0;
	pthread_mutex_lock(&strict->lock);
	strict->stop = true;
	pthread_cond_broadcast(&strict->work);
	pthread_mutex_unlock(&strict->lock);
	for (i = 0; i < strict->thread_count; i++)
		pthread_join(strict->threads[i], NULL);
	for (i = 0; i < strict->queue.count; i++)
		close(strict->queue.fds[i]);
	if (strict->group >= 0)
		close(strict->group);
	if (strict->end >= 0)
		close(strict->end);
	hsm_intents_close(&strict->intents);
	free(strict->queue.fds);
	free(strict->queue.bytes);
	free(strict);
}
