// SPDX-License-Identifier: GPL-2.0-or-later
#include "names/crew.h"

#include <pthread.h>
#include <stdlib.h>

enum { IDLE_MAX = 64, CLAIMS_MAX = 512 };

struct hsm_crawl_shared {
	pthread_mutex_t lock;
	pthread_cond_t done;
	struct hsm_conn *idle[IDLE_MAX];
	unsigned int idle_count;
	ino_t claims[CLAIMS_MAX]; /* directories that are being listed */
	unsigned int claimed;
};

struct hsm_crawl_shared *hsm_crawl_share(void)
{
	struct hsm_crawl_shared *shared = calloc(1, sizeof(*shared));

	if (shared) {
		pthread_mutex_init(&shared->lock, NULL);
		pthread_cond_init(&shared->done, NULL);
	}
	return shared;
}

static bool is_claimed(const struct hsm_crawl_shared *shared, ino_t ino)
{
	unsigned int i;

	for (i = 0; i < shared->claimed; i++)
		if (shared->claims[i] == ino)
			return true;
	return false;
}

void hsm_crawl_claim(struct hsm_crawl_shared *shared, ino_t ino)
{
	pthread_mutex_lock(&shared->lock);
	while (shared->claimed == CLAIMS_MAX || is_claimed(shared, ino))
		pthread_cond_wait(&shared->done, &shared->lock);
	shared->claims[shared->claimed++] = ino;
	pthread_mutex_unlock(&shared->lock);
}

void hsm_crawl_unclaim(struct hsm_crawl_shared *shared, ino_t ino)
{
	unsigned int i;

	pthread_mutex_lock(&shared->lock);
	for (i = 0; i < shared->claimed; i++)
		if (shared->claims[i] == ino)
			break;
	shared->claims[i] = shared->claims[--shared->claimed];
	pthread_cond_broadcast(&shared->done);
	pthread_mutex_unlock(&shared->lock);
}

int hsm_crawl_take_conn(struct hsm_crawl *crawl, struct hsm_conn **conn)
{
	struct hsm_crawl_shared *shared = crawl->shared;

	*conn = NULL;
	if (shared) {
		pthread_mutex_lock(&shared->lock);
		if (shared->idle_count)
			*conn = shared->idle[--shared->idle_count];
		pthread_mutex_unlock(&shared->lock);
	}
	return *conn ? 0 : hsm_conn_open(conn, crawl->remote);
}

void hsm_crawl_give_conn(struct hsm_crawl *crawl, struct hsm_conn *conn)
{
	struct hsm_crawl_shared *shared = crawl->shared;

	if (shared && conn) {
		pthread_mutex_lock(&shared->lock);
		if (shared->idle_count < IDLE_MAX) {
			shared->idle[shared->idle_count++] = conn;
			conn = NULL;
		}
		pthread_mutex_unlock(&shared->lock);
	}
	hsm_conn_close(conn);
}
