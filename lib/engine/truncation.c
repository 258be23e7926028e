// SPDX-License-Identifier: GPL-2.0-or-later
#include "engine/truncation.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "local/mark.h"

enum { PATIENCE_S = 2 };

/* Belongs to two: who is last frees it. */
struct release {
	pthread_mutex_t lock;
	pthread_cond_t over;
	int fd;
	int ret;
	bool done, abandoned;
};

static void destroy(struct release *release)
{
	if (release->fd >= 0)
		close(release->fd);
	pthread_cond_destroy(&release->over);
	pthread_mutex_destroy(&release->lock);
	free(release);
}

static void *clear(void *arg)
{
	struct release *release = arg;
	int ret = hsm_mark_clear(release->fd, HSM_FLAG_EMPTY);
	bool abandoned;

	if (!ret)
		ret = hsm_mark_clear(release->fd, HSM_FLAG_EVICT);
	pthread_mutex_lock(&release->lock);
	release->ret = ret;
	release->done = true;
	abandoned = release->abandoned;
	pthread_cond_signal(&release->over);
	pthread_mutex_unlock(&release->lock);
	if (abandoned)
		destroy(release);
	return NULL;
}

/* Gives the caller's share of `release` up. */
static int wait_for(struct release *release)
{
	struct timespec until = hsm_clock_in(PATIENCE_S);
	bool done;
	int ret = 0;

	pthread_mutex_lock(&release->lock);
	while (!release->done && !ret)
		ret = pthread_cond_timedwait(&release->over, &release->lock,
					     &until);
	done = release->done;
	ret = done ? release->ret : -EBUSY;
	release->abandoned = !done;
	pthread_mutex_unlock(&release->lock);
	if (done)
		destroy(release);
	return ret;
}

int hsm_truncation_release(int fd)
{
	struct release *release = calloc(1, sizeof(*release));
	pthread_t thread;

	if (!release)
		return -ENOMEM;
	pthread_mutex_init(&release->lock, NULL);
	pthread_cond_init(&release->over, NULL);
	/* The caller's ends with its event. */
	release->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (release->fd < 0 ||
	    pthread_create(&thread, NULL, clear, release)) {
		destroy(release);
		return -EAGAIN;
	}
	pthread_detach(thread);
	return wait_for(release);
}
