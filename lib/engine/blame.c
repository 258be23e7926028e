// SPDX-License-Identifier: GPL-2.0-or-later
#include "engine/blame.h"

#include "engine/task.h"

enum {
	AT_IT_MS = 500,             /* a killed worker was at it for a while */
	MEMORY_MS = 10 * 60 * 1000, /* a blame that is older is none */
	MOMENT = 1,                 /* the points of a shorter while */
};

static bool current(const struct hsm_blame *blame, unsigned long long now)
{
	return atomic_load(&blame->points) &&
	       now < atomic_load(&blame->when) + MEMORY_MS;
}

/* The one of `handle`, or else the one that is missed least. */
static struct hsm_blame *find(struct hsm_shared *shared,
			      const struct hsm_handle *handle)
{
	struct hsm_blame *oldest = &shared->blames[0];
	unsigned int i;

	for (i = 0; i < HSM_BLAMES; i++) {
		struct hsm_blame *blame = &shared->blames[i];

		if (atomic_load(&blame->points) &&
		    hsm_handle_equal(&blame->handle, handle))
			return blame;
		if (!atomic_load(&blame->points) ||
		    (atomic_load(&oldest->points) &&
		     atomic_load(&blame->when) < atomic_load(&oldest->when)))
			oldest = blame;
	}
	atomic_store(&oldest->points, 0);
	oldest->handle = *handle;
	return oldest;
}

static void add(struct hsm_shared *shared, const struct hsm_task *task,
		unsigned int points, int cause)
{
	struct hsm_blame *blame = find(shared, &task->handle);
	unsigned long long now = hsm_task_now();

	if (!current(blame, now))
		atomic_store(&blame->points, 0);
	atomic_store(&blame->when, now);
	atomic_store(&blame->cause, cause);
	atomic_fetch_add(&blame->points, points);
}

/* What the task has to do with the death; none: 0. */
static unsigned int weigh(const struct hsm_shared *shared, unsigned int index,
			  unsigned int timeout_s)
{
	const struct hsm_task *task = &shared->tasks[index];
	unsigned long long died = atomic_load(&shared->died);
	unsigned long long began = atomic_load(&task->began);
	int culprit = atomic_load(&shared->culprit);

	if (!began)
		return 0;
	if (culprit)
		return culprit == (int)index + 1 ? HSM_BLAME_CRASH : 0;
	if (atomic_load(&shared->cause) == HSM_CAUSE_HUNG)
		return died > hsm_task_due(task, timeout_s) ? HSM_BLAME_CRASH :
							      0;
	return died > began + AT_IT_MS ? HSM_BLAME_CRASH : MOMENT;
}

/* Of several tasks with one file the first speaks, and for all of them. */
static unsigned int weigh_file(const struct hsm_shared *shared,
			       unsigned int index, unsigned int timeout_s)
{
	const struct hsm_handle *handle = &shared->tasks[index].handle;
	unsigned int most = weigh(shared, index, timeout_s), i;

	for (i = 0; i < HSM_TASKS && most; i++) {
		unsigned int points;

		if (i == index ||
		    !hsm_handle_equal(&shared->tasks[i].handle, handle))
			continue;
		points = weigh(shared, i, timeout_s);
		if (points && i < index)
			return 0;
		if (points > most)
			most = points;
	}
	return most;
}

void hsm_blame_note(struct hsm_shared *shared, unsigned int timeout_s)
{
	int cause = atomic_load(&shared->cause);
	unsigned int i;

	for (i = 0; i < HSM_TASKS; i++) {
		unsigned int points = weigh_file(shared, i, timeout_s);

		if (points)
			add(shared, &shared->tasks[i], points, cause);
	}
	for (i = 0; i < HSM_TASKS; i++)
		atomic_store(&shared->tasks[i].began, 0);
	atomic_store(&shared->culprit, 0);
	atomic_store(&shared->cause, HSM_CAUSE_KILLED);
}

bool hsm_blame_condemned(const struct hsm_shared *shared,
			 const struct hsm_handle *handle, int *cause)
{
	unsigned long long now = hsm_task_now();
	unsigned int i;

	for (i = 0; i < HSM_BLAMES; i++) {
		const struct hsm_blame *blame = &shared->blames[i];

		if (!current(blame, now) ||
		    !hsm_handle_equal(&blame->handle, handle))
			continue;
		*cause = atomic_load(&blame->cause);
		return atomic_load(&blame->points) >= HSM_BLAME_LIMIT;
	}
	return false;
}

void hsm_blame_forgive(struct hsm_shared *shared,
		       const struct hsm_handle *handle)
{
	unsigned int i;

	for (i = 0; i < HSM_BLAMES; i++) {
		struct hsm_blame *blame = &shared->blames[i];

		if (atomic_load(&blame->points) &&
		    hsm_handle_equal(&blame->handle, handle))
			atomic_store(&blame->points, 0);
	}
}
