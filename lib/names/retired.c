// SPDX-License-Identifier: GPL-2.0-or-later
#include "names/retired.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "engine/task.h"

/* To walk from a mount point into the call takes microseconds. */
enum { LOOSE_MS = 10000 };

struct hsm_retired {
	struct hsm_retired *next;
	uint32_t device;
	bool at_home;          /* else it is loose: nobody knows who is in it */
	unsigned long long when; /* ms */
	struct hsm_handle directory;
};

static void forget(struct hsm_lazy *lazy, uint32_t device, int fd)
{
	atomic_store(&lazy->shared->answering[minor(device)], 0);
	close(fd);
}

/* Whether somebody may be on his way into it: he will call. */
static bool is_awaited(const struct hsm_lazy *lazy,
		       const struct hsm_retired *retired, int fd, unsigned long long now)
{
	if (retired->at_home)
		return !hsm_trigger_unused(&lazy->service->trigger, fd);
	return now < retired->when + LOOSE_MS ||
	       atomic_load(&lazy->waiting);
}

int hsm_retired_open(struct hsm_lazy *lazy, uint32_t device)
{
	struct hsm_retired *retired;
	int fd = -ENOENT;

	pthread_mutex_lock(&lazy->lock);
	for (retired = lazy->retired; retired; retired = retired->next)
		if (retired->device == device) {
			fd = hsm_handle_open(lazy->deep.root,
					     &retired->directory,
					     O_RDONLY | O_DIRECTORY);
			break;
		}
	pthread_mutex_unlock(&lazy->lock);
	return fd;
}

/* With the lock held: let those go that nobody is in any more. */
static void sweep(struct hsm_lazy *lazy, unsigned long long now)
{
	struct hsm_retired **at, *retired;

	for (at = &lazy->retired; *at;) {
		int fd = hsm_frontier_answering(lazy->shared, (*at)->device);

		retired = *at;
		if (fd >= 0 && is_awaited(lazy, retired, fd, now)) {
			at = &retired->next;
			continue;
		}
		if (fd >= 0)
			forget(lazy, retired->device, fd);
		*at = retired->next;
		free(retired);
	}
}

void hsm_retired_add(struct hsm_lazy *lazy, uint32_t device,
		     const struct hsm_handle *directory, bool at_home)
{
	struct hsm_retired *retired = malloc(sizeof(*retired));
	unsigned long long now = hsm_task_now();

	pthread_mutex_lock(&lazy->lock);
	/* Without memory its descriptor stays open: no harm. */
	if (retired) {
		*retired = (struct hsm_retired){ lazy->retired, device, at_home,
						 now, *directory };
		lazy->retired = retired;
	}
	sweep(lazy, now);
	pthread_mutex_unlock(&lazy->lock);
}

void hsm_retired_sweep(struct hsm_lazy *lazy)
{
	pthread_mutex_lock(&lazy->lock);
	sweep(lazy, hsm_task_now());
	pthread_mutex_unlock(&lazy->lock);
}

bool hsm_retired_has(struct hsm_lazy *lazy, uint32_t device)
{
	const struct hsm_retired *retired;

	pthread_mutex_lock(&lazy->lock);
	for (retired = lazy->retired; retired; retired = retired->next)
		if (retired->device == device)
			break;
	pthread_mutex_unlock(&lazy->lock);
	return retired;
}
