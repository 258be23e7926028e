// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The handover from one group to the next: the moment of a checkpoint.
 *
 *   1. The new group begins: its mark is on the file system.
 *   2. Barrier.  An event for which fsnotify() did not see the new mark is in the
 *      old group's queue now; every later one is (also) in the new group's.
 *   3. The old group's mark goes, so that draining it comes to an end.
 *   4. The old group is drained, and closed.
 *   5. The list is made; who has a file of it open for writing is carried over
 *      into the new period, since a mapping tells nothing until it is closed.
 *   6. The list is published.
 *
 * Between 1 and 3 an event is in both groups, never in none.  Why each step
 * holds is in hsm(7), THE HANDOVER.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "journal/group.h"
#include "journal/intents.h"
#include "journal/resolve.h"
#include "journal/strict.h"
#include "journal/tracker.h"

struct cut {
	int group;                   /* of the period that begins */
	struct timespec began;
	struct hsm_log_file records; /* its log */
};

static int begin_next(struct hsm_tracker *tracker, struct cut *cut)
{
	int fd = hsm_journal_file(&tracker->journal, tracker->journal.period + 1,
				  "log", O_RDWR | O_CREAT | O_TRUNC | O_APPEND);
	int ret = fd < 0 ? fd : hsm_log_file_init(&cut->records, fd);

	cut->group = -1;
	if (ret < 0)
		return ret;
	if (tracker->broken == HSM_BREAK_HANDOVER) {
		hsm_group_end(tracker->group);
		usleep(2000);
	}
	clock_gettime(CLOCK_REALTIME, &cut->began);
	ret = cut->group = hsm_group_open(tracker->root, tracker->mount,
					  tracker->whole);
	if (ret >= 0)
		ret = hsm_group_barrier(tracker->root);
	return ret < 0 ? ret : 0;
}

/* Steps 3 and 4. */
static void end_old(struct hsm_tracker *tracker)
{
	if (hsm_group_end(tracker->group) < 0)
		tracker->lost = true;
	hsm_tracker_read(tracker);
	close(tracker->group);
	tracker->group = -1;
}

static void add_head(bool lost, struct hsm_log_file *list)
{
	struct hsm_record head = {
		.what = HSM_RECORD_HEAD | (lost ? HSM_RECORD_RESCAN : 0),
	};
	struct timespec now;
	char text[64];

	clock_gettime(CLOCK_REALTIME, &now);
	head.name_len = (uint16_t)snprintf(text, sizeof(text), "%lld.%09ld",
					   (long long)now.tv_sec, now.tv_nsec);
	head.name = text;
	hsm_log_file_add(list, &head);
}

/* Behind all others, which know the names better. */
static int append_intents(struct hsm_tracker *tracker,
			  struct hsm_log_image *image)
{
	struct hsm_log_image intents;
	int ret = hsm_intents_load(&intents, &tracker->journal,
				   tracker->journal.period);
	unsigned char *grown;

	if (ret < 0 || !intents.len)
		return ret;
	grown = realloc(image->bytes, image->len + intents.len);
	if (grown) {
		memcpy(grown + image->len, intents.bytes, intents.len);
		image->bytes = grown;
		image->len += intents.len;
	}
	hsm_log_image_free(&intents);
	return grown ? 0 : -ENOMEM;
}

/* Make the list of the period that ran until now; a failure leaves it short. */
static int resolve(struct hsm_tracker *tracker, struct hsm_log_file *list,
		   struct hsm_log_file *carry)
{
	struct hsm_resolve to = {
		.root = tracker->root, .whole = tracker->whole,
		.hide = tracker->hide, .began = tracker->began,
		.list = list, .carry = carry,
	};
	struct hsm_log_image image;
	int ret = hsm_log_image_load(&image, tracker->records.fd);

	if (!ret)
		ret = append_intents(tracker, &image);
	if (ret < 0)
		return ret;
	if (tracker->broken == HSM_BREAK_CARRY)
		to.carry = NULL;
	ret = hsm_resolve_run(&to, &image);
	hsm_log_image_free(&image);
	return ret;
}

static int write_list(struct hsm_tracker *tracker, int fd,
		      struct hsm_log_file *carry)
{
	struct hsm_log_file list;
	int ret = hsm_log_file_init(&list, fd);

	if (ret < 0)
		return ret;
	add_head(tracker->lost, &list);
	ret = resolve(tracker, &list, carry);
	if (ret < 0 && !list.error) {
		/* Not a full disk: say that there is no list. */
		hsm_log(tracker->log, HSM_LOG_ERROR,
			"the list of this checkpoint is incomplete: %s",
			strerror(-ret));
		hsm_log_file_reset(&list);
		add_head(true, &list);
	}
	ret = carry ? hsm_log_file_sync(&list) : hsm_log_file_flush(&list);
	hsm_log_file_close(&list);
	return ret;
}

static int publish(struct hsm_tracker *tracker, struct cut *cut)
{
	struct hsm_journal *journal = &tracker->journal;
	int fd = hsm_journal_file(journal, journal->period, "new",
				  O_RDWR | O_CREAT | O_TRUNC);
	int ret = fd < 0 ? fd : write_list(tracker, fd, &cut->records);

	if (!ret)
		ret = hsm_log_file_flush(&cut->records);
	if (!ret && tracker->opens)
		ret = hsm_strict_carry(tracker->opens, cut->records.fd);
	if (!ret)
		ret = hsm_journal_publish(journal, journal->period);
	return ret;
}

/* The period goes on in the new group, without knowing what it was. */
static void go_on_lost(struct hsm_tracker *tracker, struct cut *cut, int error)
{
	hsm_log(tracker->log, HSM_LOG_ERROR, "no checkpoint was made: %s",
		strerror(-error));
	tracker->lost = true;
	hsm_log_file_reset(&tracker->records);
	hsm_log_file_close(&cut->records);
}

int hsm_tracker_cut(struct hsm_tracker *tracker, unsigned int keep, uint64_t *n)
{
	struct hsm_journal *journal = &tracker->journal;
	struct cut cut = { .records.fd = -1 };
	int ret = begin_next(tracker, &cut);
	bool lost = false;

	if (ret < 0 && cut.group < 0) {
		/* Nothing has begun: the period goes on as it was. */
		hsm_log_file_close(&cut.records);
		return ret;
	}
	/* Without a barrier the old group may be ended too early. */
	if (ret < 0)
		tracker->lost = true;
	/* Before the old group is drained: it hears what is closed until then. */
	if (tracker->opens)
		lost = hsm_strict_turn(tracker->opens, journal,
				       journal->period + 1) < 0;
	tracker->lost |= lost;
	end_old(tracker);
	tracker->group = cut.group;
	ret = publish(tracker, &cut);
	if (ret < 0) {
		go_on_lost(tracker, &cut, ret);
		return ret;
	}
	*n = journal->period++;
	tracker->began = cut.began;
	hsm_log_file_close(&tracker->records);
	tracker->records = cut.records;
	hsm_tracker_forget(tracker);
	if (tracker->lost || journal->lost) {
		journal->lost = false;
		/* If not: a stop in order that is taken for a crash. */
		hsm_journal_save(journal);
	}
	tracker->lost = lost;
	hsm_journal_trim(journal, keep);
	return 0;
}

int hsm_tracker_peek(struct hsm_tracker *tracker, int fd)
{
	hsm_tracker_read(tracker);
	return write_list(tracker, fd, NULL);
}
