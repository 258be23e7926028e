// SPDX-License-Identifier: GPL-2.0-or-later
#include "names/crew.h"

#include <pthread.h>
#include <stdlib.h>

enum { IDLE_MAX = 64, CLAIMS_MAX = 512 };

struct hsm_crew {
	pthread_mutex_t lock;
	pthread_cond_t done;
	struct hsm_conn *idle[IDLE_MAX];
	unsigned int idle_count;
	ino_t claims[CLAIMS_MAX]; /* directories that are being listed */
	unsigned int claimed;
};

struct hsm_crew *hsm_crew_new(void)
{
	struct hsm_crew *crew = calloc(1, sizeof(*crew));

	if (crew) {
		pthread_mutex_init(&crew->lock, NULL);
		pthread_cond_init(&crew->done, NULL);
	}
	return crew;
}

static bool is_claimed(const struct hsm_crew *crew, ino_t ino)
{
	unsigned int i;

	for (i = 0; i < crew->claimed; i++)
		if (crew->claims[i] == ino)
			return true;
	return false;
}

void hsm_crew_claim(struct hsm_crew *crew, ino_t ino)
{
	pthread_mutex_lock(&crew->lock);
	while (crew->claimed == CLAIMS_MAX || is_claimed(crew, ino))
		pthread_cond_wait(&crew->done, &crew->lock);
	crew->claims[crew->claimed++] = ino;
	pthread_mutex_unlock(&crew->lock);
}

void hsm_crew_unclaim(struct hsm_crew *crew, ino_t ino)
{
	unsigned int i;

	pthread_mutex_lock(&crew->lock);
	for (i = 0; i < crew->claimed; i++)
		if (crew->claims[i] == ino)
			break;
	crew->claims[i] = crew->claims[--crew->claimed];
	pthread_cond_broadcast(&crew->done);
	pthread_mutex_unlock(&crew->lock);
}

int hsm_crew_take_conn(struct hsm_crawl *crawl, struct hsm_conn **conn)
{
	struct hsm_crew *crew = crawl->crew;

	*conn = NULL;
	if (crew) {
		pthread_mutex_lock(&crew->lock);
		if (crew->idle_count)
			*conn = crew->idle[--crew->idle_count];
		pthread_mutex_unlock(&crew->lock);
	}
	return *conn ? 0 : hsm_conn_open(conn, crawl->remote);
}

void hsm_crew_give_conn(struct hsm_crawl *crawl, struct hsm_conn *conn)
{
	struct hsm_crew *crew = crawl->crew;

	if (crew && conn) {
		pthread_mutex_lock(&crew->lock);
		if (crew->idle_count < IDLE_MAX) {
			crew->idle[crew->idle_count++] = conn;
			conn = NULL;
		}
		pthread_mutex_unlock(&crew->lock);
	}
	hsm_conn_close(conn);
}
