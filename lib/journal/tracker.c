// SPDX-License-Identifier: GPL-2.0-or-later
#include "journal/tracker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/hash.h"
#include "journal/group.h"
#include "journal/outside.h"
#include "journal/resume.h"
#include "journal/strict.h"
#include "local/fanotify_abi.h"

#define MOVES (HSM_RECORD_RENAME | HSM_RECORD_FROM | HSM_RECORD_TO)

/* What was recorded a moment ago, by a hash of inode and name. */
struct hsm_recent {
	uint64_t key[HSM_TRACKER_RECENT];
};

static uint64_t key_of(const struct hsm_record *record)
{
	uint64_t hash = HSM_HASH;

	hash = hsm_hash(hash, &record->what, sizeof(record->what));
	hash = hsm_hash(hash, record->inode.data, record->inode.bytes);
	hash = hsm_hash(hash, record->parent.data, record->parent.bytes);
	return hsm_hash(hash, record->name, record->name_len) | 1;
}

/*
 * Whether the same was recorded lately.  Only for what does not depend on the
 * order: content and attributes.  64 bits: two different facts are taken for one
 * less often than a disk forgets one.
 */
static bool repeated(struct hsm_recent *recent, const struct hsm_record *record)
{
	uint64_t key = key_of(record), *at;

	at = &recent->key[(key >> 20) % HSM_TRACKER_RECENT];
	if (*at == key)
		return true;
	*at = key;
	return false;
}

static uint32_t what_of(uint64_t mask)
{
	static const struct {
		uint64_t event;
		uint32_t what;
	} table[] = {
		{ FAN_CREATE, HSM_RECORD_CREATE },
		{ FAN_DELETE, HSM_RECORD_DELETE },
		{ FAN_RENAME, HSM_RECORD_RENAME },
		{ FAN_MOVED_FROM, HSM_RECORD_FROM },
		{ FAN_MOVED_TO, HSM_RECORD_TO },
		{ FAN_MODIFY | FAN_CLOSE_WRITE, HSM_RECORD_MODIFY },
		{ FAN_ATTRIB, HSM_RECORD_ATTRIB },
		{ FAN_ONDIR, HSM_RECORD_DIR },
	};
	uint32_t what = 0;
	unsigned int i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (mask & table[i].event)
			what |= table[i].what;
	return what;
}

static bool is_own(const struct hsm_tracker *tracker, pid_t pid)
{
	return pid == getpid() ||
	       (tracker->own && tracker->own(tracker->own_arg, pid));
}

void hsm_tracker_lose(struct hsm_tracker *tracker, const char *why)
{
	if (!tracker->lost)
		hsm_log(tracker->log, HSM_LOG_ERROR,
			"the next list will be incomplete: %s", why);
	tracker->lost = true;
}

/* Written again and again: hear no more of its content in this period. */
static void quiet(struct hsm_tracker *tracker, const struct hsm_record *record)
{
	HSM_CLOSE int fd = -1;

	if (record->what & HSM_RECORD_DIR || !record->inode.bytes)
		return;
	fd = hsm_handle_open(tracker->root, &record->inode, O_PATH);
	if (fd >= 0)
		hsm_group_quiet(tracker->group, fd);
}

static void record_event(struct hsm_tracker *tracker,
			 const struct hsm_change_event *event)
{
	const uint32_t content = HSM_RECORD_MODIFY | HSM_RECORD_ATTRIB |
				 HSM_RECORD_DIR;
	struct hsm_record record = {
		.what = what_of(event->mask),
		.parent = event->parent, .parent2 = event->parent2,
		.inode = event->inode,
		.name = event->name, .name2 = event->name2,
		.name_len = event->name ? (uint16_t)strlen(event->name) : 0,
		.name2_len = event->name2 ? (uint16_t)strlen(event->name2) : 0,
	};

	if (event->mask & FAN_Q_OVERFLOW)
		return hsm_tracker_lose(tracker, "the kernel's queue ran over");
	if (is_own(tracker, event->pid))
		return;
	if (!(record.what & ~content) && repeated(tracker->recent, &record)) {
		if (record.what & HSM_RECORD_MODIFY)
			quiet(tracker, &record);
		return;
	}
	if (record.what & MOVES && record.what & HSM_RECORD_DIR)
		tracker->moves++;
	else if (record.what & MOVES && tracker->sweep)
		/* A sweep may pass it over: its content may have changed. */
		record.what |= HSM_RECORD_MODIFY | HSM_RECORD_ATTRIB;
	if (!tracker->whole)
		hsm_outside_look(tracker, &record);
	if (hsm_log_file_add(&tracker->records, &record) < 0)
		hsm_tracker_lose(tracker, strerror(-tracker->records.error));
}

static void read_group(struct hsm_tracker *tracker)
{
	for (;;) {
		ssize_t len = read(tracker->group, tracker->buffer,
				   HSM_TRACKER_BUFFER);
		struct hsm_change_event event;
		size_t pos = 0;
		int ret = 0;

		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0 && errno != EAGAIN)
			hsm_tracker_lose(tracker, strerror(errno));
		if (len <= 0)
			return;
		while ((ret = hsm_change_event_next(tracker->buffer,
						    (size_t)len, &pos,
						    &event)) == 1)
			record_event(tracker, &event);
		if (ret < 0)
			hsm_tracker_lose(tracker, "an event could not be understood");
	}
}

/* When something was `heard`, and once after that. */
static void note(struct hsm_tracker *tracker, const struct hsm_stamp *now,
		 bool heard)
{
	const int64_t settle_ns = HSM_TRACKER_SETTLE_MS * INT64_C(1000000);
	bool late = now->boot_ns - tracker->noted_ns >= settle_ns;

	if (!heard && (tracker->settled || !late))
		return;
	hsm_resume_note(&tracker->records, now);
	tracker->noted_ns = now->boot_ns;
	tracker->settled = !heard;
}

void hsm_tracker_read(struct hsm_tracker *tracker)
{
	struct hsm_log_file *records = &tracker->records;
	uint64_t before = records->records;
	struct hsm_stamp now = hsm_resume_now(tracker);

	read_group(tracker);
	if (tracker->opens && hsm_strict_failed(tracker->opens))
		hsm_tracker_lose(tracker,
				 "an opening for writing may not be in it");
	if (!tracker->lost && !tracker->sweep)
		note(tracker, &now, records->records != before);
	else
		tracker->settled = true; /* there is nothing to note */
	if (hsm_log_file_flush(records) < 0)
		hsm_tracker_lose(tracker, strerror(-records->error));
}

static int start_strict(struct hsm_tracker *tracker)
{
	const struct hsm_strict_options options = {
		.log = tracker->log, .root = tracker->root,
		.mount = tracker->mount, .whole = tracker->whole,
		.reads = tracker->reads,
	};

	return hsm_strict_start(&tracker->opens, &options, &tracker->journal);
}

int hsm_tracker_start(struct hsm_tracker *tracker, int place)
{
	struct hsm_journal *journal = &tracker->journal;
	int fd, ret;

	tracker->group = -1;
	tracker->records.fd = -1;
	tracker->recent = calloc(1, sizeof(*tracker->recent));
	tracker->buffer = malloc(HSM_TRACKER_BUFFER);
	if (!tracker->recent || !tracker->buffer)
		return -ENOMEM;
	clock_gettime(CLOCK_REALTIME, &tracker->began);
	fd = hsm_journal_file(journal, journal->period, "log",
			      O_RDWR | O_CREAT | O_APPEND);
	ret = fd < 0 ? fd : hsm_log_file_init(&tracker->records, fd);
	if (!ret)
		ret = tracker->group = hsm_group_open(tracker->root,
						      tracker->mount,
						      tracker->whole);
	if (ret >= 0 && tracker->strict)
		ret = start_strict(tracker);
	if (ret < 0)
		return ret;
	ret = hsm_resume(tracker, place);
	tracker->resumed = !ret;
	return ret;
}

void hsm_tracker_forget(struct hsm_tracker *tracker)
{
	memset(tracker->recent, 0, sizeof(*tracker->recent));
	memset(tracker->looked, 0, sizeof(tracker->looked));
	tracker->settled = false;
}

void hsm_tracker_stop(struct hsm_tracker *tracker)
{
	if (tracker->resumed)
		hsm_resume_end(tracker);
	if (tracker->group >= 0)
		close(tracker->group);
	tracker->resumed = false;
	tracker->group = -1;
	hsm_strict_stop(tracker->opens);
	tracker->opens = NULL;
	hsm_log_file_close(&tracker->records);
	free(tracker->recent);
	free(tracker->buffer);
	tracker->recent = NULL;
	tracker->buffer = NULL;
}
