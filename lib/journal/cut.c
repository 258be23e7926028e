// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The handover from one group to the next: the moment of a checkpoint.
 *
 *   1. The new group begins: its mark is on the file system.
 *   2. Barrier.  An event for which fsnotify() did not see the new mark is in the
 *      old group's queue now; every later one is (also) in the new group's.
 *   3. The old group's mark goes, so that draining it comes to an end.
 *   4. The old group is drained, and closed.
 *   5. The list is made, with what the new group has heard until then: paths are
 *      those of now.  Who has a file of it open for writing is carried over into
 *      the new period, since a mapping tells nothing until it is closed.
 *   6. The list is published.
 *
 * Between 1 and 3 an event is in both groups, never in none.  Why each step
 * holds is in hsm(7), THE HANDOVER.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "journal/group.h"
#include "journal/intents.h"
#include "journal/outside.h"
#include "journal/resolve.h"
#include "journal/resume.h"
#include "journal/strict.h"
#include "journal/tracker.h"

/*
 * How often the list is made anew because a directory went meanwhile, and it is
 * not known yet where it was last.
 */
enum { TRIES = 5 };

struct cut {
	/* Of the period that begins; after take_over() of the one that ended. */
	int group;
	struct timespec began;
	struct hsm_log_file records;
	bool lost;
};

static int begin_next(struct hsm_tracker *tracker, struct cut *cut)
{
	int fd = hsm_journal_file(&tracker->journal, tracker->journal.period + 1,
				  "log", O_RDWR | O_CREAT | O_TRUNC | O_APPEND);
	int ret = fd < 0 ? fd : hsm_log_file_init(&cut->records, fd);
	struct hsm_stamp now;

	cut->group = -1;
	if (ret < 0)
		return ret;
	if (tracker->broken == HSM_BREAK_HANDOVER) {
		hsm_group_end(tracker->group);
		usleep(2000);
	}
	clock_gettime(CLOCK_REALTIME, &cut->began);
	now = hsm_resume_now(tracker);
	ret = cut->group = hsm_group_open(tracker->root, tracker->mount,
					  tracker->whole);
	if (ret < 0)
		return ret;
	hsm_resume_note(&cut->records, &now);
	return hsm_group_barrier(tracker->root);
}

/* Steps 3 and 4. */
static void end_old(struct hsm_tracker *tracker)
{
	if (hsm_group_end(tracker->group) < 0)
		tracker->lost = true;
	hsm_tracker_read(tracker);
	close(tracker->group);
}

/* What is heard from here on is of the new period. */
static void take_over(struct hsm_tracker *tracker, struct cut *cut)
{
	struct cut old = {
		.group = -1, .began = tracker->began,
		.records = tracker->records, .lost = tracker->lost,
	};

	tracker->group = cut->group;
	tracker->began = cut->began;
	tracker->records = cut->records;
	tracker->lost = false;
	hsm_tracker_forget(tracker);
	*cut = old;
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

/*
 * Make the list of the period whose log is `records`: by what the new period has
 * heard so far, too, and by the intents, which know names less well than others.
 * A failure leaves it short.
 */
static int resolve_once(struct hsm_tracker *tracker,
			struct hsm_resolve *to, int records)
{
	struct hsm_log_image images[3] = { { 0 } };
	int ret = hsm_log_image_load(&images[0], records);

	if (!ret && records != tracker->records.fd)
		ret = hsm_log_image_load(&images[1], tracker->records.fd);
	if (!ret)
		ret = hsm_intents_load(&images[2], &tracker->journal,
				       tracker->journal.period);
	if (!ret)
		ret = hsm_resolve_run(to, images, 3);
	hsm_log_image_free(&images[2]);
	hsm_log_image_free(&images[1]);
	hsm_log_image_free(&images[0]);
	return ret;
}

/*
 * A directory can go between what was heard last and a look at it.  All that is
 * heard of it is queued by then, or in a moment.
 */
static int resolve(struct hsm_tracker *tracker, struct hsm_resolve *to,
		   int records, bool lost)
{
	unsigned int try;
	int ret;

	for (try = 1;; try++) {
		hsm_tracker_read(tracker);
		hsm_log_file_reset(to->list);
		add_head(lost, to->list);
		to->final = try == TRIES;
		ret = resolve_once(tracker, to, records);
		if (ret != -EAGAIN)
			return ret;
		poll(NULL, 0, 1 << try);
	}
}

/* `cut`: of the period that ended; NULL: of the one that runs. */
static int write_list(struct hsm_tracker *tracker, int fd,
		      const struct cut *cut)
{
	int records = cut ? cut->records.fd : tracker->records.fd, ret;
	bool lost = cut ? cut->lost : tracker->lost;
	struct hsm_log_file list;
	struct hsm_resolve to = {
		.root = tracker->root, .whole = tracker->whole,
		.hide = tracker->hide, .list = &list,
		.began = cut ? cut->began : tracker->began,
		.carry = cut && tracker->broken != HSM_BREAK_CARRY ?
			 &tracker->records : NULL,
	};

	ret = hsm_log_file_init(&list, fd);
	if (ret < 0)
		return ret;
	ret = resolve(tracker, &to, records, lost);
	if (ret < 0 && !list.error) {
		/* Not a full disk: say that there is no list. */
		hsm_log(tracker->log, HSM_LOG_ERROR,
			"the list of this checkpoint is incomplete: %s",
			strerror(-ret));
		hsm_log_file_reset(&list);
		add_head(true, &list);
	}
	ret = cut ? hsm_log_file_sync(&list) : hsm_log_file_flush(&list);
	hsm_log_file_close(&list);
	return ret;
}

static int publish(struct hsm_tracker *tracker, const struct cut *cut)
{
	struct hsm_journal *journal = &tracker->journal;
	int fd = hsm_journal_file(journal, journal->period, "new",
				  O_RDWR | O_CREAT | O_TRUNC);
	int ret = fd < 0 ? fd : write_list(tracker, fd, cut);

	if (!ret)
		ret = hsm_log_file_flush(&tracker->records);
	if (!ret && tracker->opens)
		ret = hsm_strict_carry(tracker->opens, tracker->records.fd);
	if (!ret)
		ret = hsm_journal_publish(journal, journal->period);
	return ret;
}

/* The period goes on in the new group, without knowing what it was. */
static void go_on_lost(struct hsm_tracker *tracker, struct cut *cut, int error)
{
	hsm_log(tracker->log, HSM_LOG_ERROR, "no checkpoint was made: %s",
		strerror(-error));
	hsm_log_file_close(&tracker->records);
	hsm_log_file_reset(&cut->records);
	tracker->records = cut->records;
	tracker->lost = true;
}

int hsm_tracker_cut(struct hsm_tracker *tracker, unsigned int keep, uint64_t *n)
{
	struct hsm_journal *journal = &tracker->journal;
	struct cut cut = { .records.fd = -1 };
	unsigned int left;
	bool lost = false;
	int ret;

	hsm_tracker_sweep(tracker);
	ret = begin_next(tracker, &cut);
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
	left = tracker->left_count;
	take_over(tracker, &cut);
	tracker->lost = lost;
	ret = publish(tracker, &cut);
	hsm_outside_forget(tracker, left);
	if (ret < 0) {
		go_on_lost(tracker, &cut, ret);
		return ret;
	}
	*n = journal->period++;
	hsm_log_file_close(&cut.records);
	if (journal->lost) {
		journal->lost = false;
		/* If not: a stop in order that is taken for a crash. */
		hsm_journal_save(journal);
	}
	hsm_journal_trim(journal, keep);
	return 0;
}

int hsm_tracker_peek(struct hsm_tracker *tracker, int fd)
{
	hsm_tracker_sweep(tracker);
	return write_list(tracker, fd, NULL);
}
