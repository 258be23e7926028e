// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * When the remote is away, each request fails after its bound, and only `jobs`
 * of them are made at a time: the last of many readers would wait many bounds.
 * So who has waited long already gets less and less patience: a quarter for each
 * round of failures in a row, then none.  The sum stays below one bound and a
 * half.  One who comes new has all of it, and the first byte from anywhere ends
 * this: a single file that fails costs the others nothing.
 */
#include "engine/away.h"

#include <errno.h>
#include <time.h>

#include "base/clock.h"

/* Rounds, each with a quarter of the patience of the one before. */
enum { ROUNDS = 3 };

/* Nobody counts as patient who has waited less: failures can be quick. */
#define SHORT_NS INT64_C(1000000000)

/* How long somebody has waited for `object` already; -1: nobody waits. */
static int64_t waited_ns(const struct hsm_object *object)
{
	const struct hsm_waiter *w;
	int64_t now = hsm_clock_ns(), longest = -1;

	for (w = object->waiters; w; w = w->next)
		if (!w->ahead && now - w->since_ns > longest)
			longest = now - w->since_ns;
	return longest;
}

int hsm_away_check(struct hsm_engine *engine, struct hsm_object *object,
		   struct hsm_conn *conn)
{
	const struct hsm_away *away = &engine->away;
	unsigned int round = (away->failures + engine->jobs - 1) / engine->jobs;
	int64_t waited;

	hsm_conn_hurry(conn, 0);
	if (!away->failures)
		return 0;
	waited = waited_ns(object);
	/* What is only read ahead can wait until the remote is back. */
	if (waited < 0)
		return -EHOSTDOWN;
	if (waited < SHORT_NS || waited < away->took_ns / 2)
		return 0;
	if (round > ROUNDS)
		return -EHOSTDOWN;
	hsm_conn_hurry(conn, round);
	return 0;
}

void hsm_away_end(struct hsm_engine *engine)
{
	engine->away.failures = 0;
}

void hsm_away_note(struct hsm_engine *engine, int error, int64_t began_ns)
{
	struct hsm_away *away = &engine->away;
	int64_t took = hsm_clock_ns() - began_ns;

	/* Anything else is an answer, or not the remote's fault. */
	if (error != -ETIMEDOUT && error != -EHOSTUNREACH && error != -EIO)
		return;
	if (!away->failures++ || took > away->took_ns)
		away->took_ns = took;
}
