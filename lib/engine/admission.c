// SPDX-License-Identifier: GPL-2.0-or-later
#include "engine/admission.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "engine/changes.h"
#include "engine/object.h"
#include "local/placeholder.h"
#include "stage/opener.h"

enum {
	AT_ONCE = 16,   /* looked at together */
	UNKNOWN_MS = 20, /* an open that cannot be seen is over after so long */
	LONGEST_S = 60, /* more than a lease may take (fs.lease-break-time) */
};

/* Whether it has left the open(2) that it was let into. */
static bool through(const struct hsm_admission *admission)
{
	if (!admission->call)
		return hsm_clock_ns() - admission->since_ns >
		       UNKNOWN_MS * INT64_C(1000000);
	return hsm_opener_mark(admission->tid) != admission->call;
}

static void drop(struct hsm_object *object, const struct hsm_admission *gone)
{
	struct hsm_admission **p = &object->admissions, *found;

	while (*p && ((*p)->tid != gone->tid || (*p)->call != gone->call ||
		      (*p)->since_ns != gone->since_ns))
		p = &(*p)->next;
	found = *p;
	if (found)
		*p = found->next;
	free(found);
}

/* With the lock held, which is given up meanwhile: drop those who are through. */
static void drop_through(struct hsm_engine *engine, struct hsm_object *object)
{
	struct hsm_admission seen[AT_ONCE];
	unsigned int count = 0, i;
	const struct hsm_admission *a;

	for (a = object->admissions; a && count < AT_ONCE; a = a->next)
		seen[count++] = *a;
	pthread_mutex_unlock(&engine->lock);
	for (i = 0; i < count;)
		if (through(&seen[i]))
			i++;
		else
			seen[i] = seen[--count];
	pthread_mutex_lock(&engine->lock);
	for (i = 0; i < count; i++)
		drop(object, &seen[i]);
}

int hsm_admission_add(struct hsm_engine *engine, const struct hsm_handle *handle,
		      int fd, struct hsm_facts *facts, int tid, bool truncates,
		      bool seen)
{
	struct hsm_admission *admission = NULL;
	struct hsm_object *object;
	int ret = 0;

	/* What is larger is never filled. */
	truncates = truncates && hsm_facts_size(facts) <= HSM_PLACEHOLDER_MAX;
	if (truncates && !(admission = malloc(sizeof(*admission))))
		return -ENOMEM;
	if (admission)
		*admission = (struct hsm_admission){
			.tid = tid, .call = seen ? hsm_opener_mark(tid) : 0,
			.since_ns = hsm_clock_ns(),
		};
	pthread_mutex_lock(&engine->lock);
	if (truncates)
		ret = hsm_object_of(engine, handle, fd, facts, &object);
	else
		object = hsm_object_find(engine, handle);
	if (!ret && object) {
		object->writers = HSM_WRITERS_UNKNOWN;
		if (admission) {
			admission->next = object->admissions;
			object->admissions = hsm_steal_pointer(&admission);
		}
		/* Among those that are remembered, when nobody else has it. */
		hsm_object_get(engine, object);
		hsm_object_put(engine, object);
	}
	pthread_mutex_unlock(&engine->lock);
	free(admission);
	return ret;
}

void hsm_admission_prune(struct hsm_engine *engine,
			 const struct hsm_handle *handle)
{
	struct hsm_object *object;

	pthread_mutex_lock(&engine->lock);
	object = hsm_object_find(engine, handle);
	if (object && object->admissions && !object->writing &&
	    !object->overlapped) {
		hsm_object_get(engine, object);
		drop_through(engine, object);
		hsm_object_put(engine, object);
	}
	pthread_mutex_unlock(&engine->lock);
}

bool hsm_admission_lives(const struct hsm_object *object)
{
	const struct hsm_admission *a;

	for (a = object->admissions; a; a = a->next)
		if (!through(a))
			return true;
	return false;
}

/* Seldom more than a moment. */
static bool wait_for_opens(struct hsm_engine *engine, struct hsm_object *object)
{
	unsigned int patience_s = engine->patience_s < LONGEST_S ?
				  engine->patience_s : LONGEST_S;
	int64_t end_ns = hsm_clock_ns() + patience_s * INT64_C(1000000000);
	bool over, stop;

	for (;;) {
		pthread_mutex_lock(&engine->lock);
		drop_through(engine, object);
		over = !object->admissions;
		stop = engine->stop;
		pthread_mutex_unlock(&engine->lock);
		if (over || stop || hsm_clock_ns() > end_ns)
			return over;
		poll(NULL, 0, 1);
	}
}

static int is_dirty(struct hsm_engine *engine, struct hsm_object *object,
		    uint64_t *size)
{
	HSM_CLOSE int fd = hsm_handle_open(engine->watch.root, &object->handle,
					   O_RDONLY | O_NONBLOCK | O_NOATIME);
	unsigned int flags;
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	*size = (uint64_t)st.st_size;
	hsm_mark_read(fd, NULL, &flags);
	return !!(flags & HSM_FLAG_DIRTY);
}

/* Our write came after the truncation: what the user wanted is an empty file. */
static int truncate_again(struct hsm_engine *engine, struct hsm_object *object)
{
	HSM_CLOSE int fd = hsm_handle_open(engine->watch.root, &object->handle,
					   O_WRONLY | O_NONBLOCK);

	return fd < 0 ? fd : ftruncate(fd, 0) < 0 ? -errno : 0;
}

int hsm_admission_settle(struct hsm_engine *engine, struct hsm_object *object,
			 bool wrote)
{
	uint64_t size = 0, expected;
	int dirty;

	pthread_mutex_lock(&engine->lock);
	if (!object->admissions && !object->overlapped) {
		pthread_mutex_unlock(&engine->lock);
		return 0;
	}
	object->overlapped |= wrote;
	expected = object->size;
	pthread_mutex_unlock(&engine->lock);
	if (!wait_for_opens(engine, object))
		return -EBUSY;
	hsm_changes_drain(engine, NULL);
	dirty = is_dirty(engine, object, &size);
	if (dirty < 0)
		return dirty;
	pthread_mutex_lock(&engine->lock);
	wrote = object->overlapped;
	object->overlapped = false;
	pthread_mutex_unlock(&engine->lock);
	/* Nobody has written since: whoever wants to waits for us. */
	if (dirty && wrote && size)
		truncate_again(engine, object);
	return dirty || size != expected ? -ECANCELED : 0;
}

void hsm_admission_free(struct hsm_object *object)
{
	struct hsm_admission *a;

	while ((a = object->admissions)) {
		object->admissions = a->next;
		free(a);
	}
}
