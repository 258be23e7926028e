// SPDX-License-Identifier: GPL-2.0-or-later
#include "journal/resume.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "journal/intents.h"
#include "journal/still.h"
#include "journal/sweep.h"

#define SECOND_NS INT64_C(1000000000)

/*
 * How far a ctime may be behind the moment at which the event of the same change
 * is queued: by the length of a system call, mostly.
 */
#define MARGIN_NS (2 * SECOND_NS)

/* The same for a change that has begun when the tracker ends in order. */
enum { LAST_WORD_MS = 200 };

struct hsm_stamp hsm_resume_now(const struct hsm_tracker *tracker)
{
	struct hsm_stamp now = tracker->stamp;

	hsm_stamp_touch(&now);
	now.real_ns += tracker->skew_ns;
	return now;
}

void hsm_resume_note(struct hsm_log_file *log, const struct hsm_stamp *stamp)
{
	char text[HSM_STAMP_TEXT];
	struct hsm_record record = { .what = HSM_RECORD_HEAD, .name = text };

	hsm_stamp_print(stamp, text);
	record.name_len = (uint16_t)strlen(text);
	hsm_log_file_add(log, &record);
}

/* The last note in the log, whose torn tail goes. */
static int read_log(struct hsm_log_file *log, struct hsm_stamp *stamp)
{
	struct hsm_log_image image;
	struct hsm_record record;
	char text[HSM_STAMP_TEXT];
	int ret = hsm_log_image_load(&image, log->fd);

	memset(stamp, 0, sizeof(*stamp));
	if (ret < 0)
		return ret;
	while (hsm_log_image_next(&image, &record) == 1) {
		if (!(record.what & HSM_RECORD_HEAD) ||
		    record.name_len >= sizeof(text))
			continue;
		memcpy(text, record.name, record.name_len);
		text[record.name_len] = '\0';
		hsm_stamp_parse(stamp, text);
	}
	if (image.pos < image.len && ftruncate(log->fd, (off_t)image.pos) < 0)
		ret = -errno;
	hsm_log_image_free(&image);
	return ret;
}

/* Was the file system left alone since the tracker before us noted its count? */
static bool is_still(const struct hsm_tracker *tracker)
{
	char then[HSM_STILL_TEXT], now[HSM_STILL_TEXT];

	if (hsm_still_take(tracker->journal.id, then, sizeof(then)) < 0 ||
	    hsm_still_count(tracker->root, now) < 0)
		return false;
	hsm_log(tracker->log, HSM_LOG_DEBUG, "writes to the file system: %s "
		"when the tracker ended, %s now", then, now);
	return !strcmp(then, now);
}

static void tell_intents(struct hsm_tracker *tracker, uint64_t n)
{
	struct hsm_log_image image;
	struct hsm_record record;
	int ret = hsm_intents_load(&image, &tracker->journal, n);

	if (ret < 0)
		hsm_log(tracker->log, HSM_LOG_ERROR, "who had what open for "
			"writing at the crash cannot be read: %s",
			strerror(-ret));
	while (!ret && hsm_log_image_next(&image, &record) == 1)
		tracker->opened(tracker->own_arg, &record.inode);
	hsm_log_image_free(&image);
}

/*
 * The last cut may have come just before the crash, or not be in the state.  The
 * list of a period that crashed needs no intents.
 */
static void tell_opened(struct hsm_tracker *tracker)
{
	uint64_t first = tracker->journal.period - 1, n;

	for (n = first; n <= first + 2; n++)
		tell_intents(tracker, n);
	/* Once is enough, when what they lead to is on the disk. */
	if (syncfs(tracker->root) < 0)
		return;
	for (n = first; n <= first + 2; n++)
		hsm_intents_drop(&tracker->journal, n);
}

/* Why the history ends here, or NULL; sets `sweep`, and `stamp` to from when. */
static const char *look_back(struct hsm_tracker *tracker, bool still)
{
	const struct hsm_stamp now = hsm_resume_now(tracker);
	struct hsm_journal *journal = &tracker->journal;
	struct hsm_stamp then, noted;
	bool same;
	int ret = read_log(&tracker->records, &noted);

	if (tracker->opened && journal->running &&
	    !hsm_stamp_same_life(&noted, &now))
		tell_opened(tracker);
	if (ret < 0)
		return "the journal cannot be read";
	if (journal->lost)
		return "there is none";
	if (journal->running)
		then = noted;
	else if (hsm_stamp_parse(&then, journal->stamp) < 0)
		then.boot[0] = '\0';
	if (!then.boot[0] || !now.boot[0])
		return "nobody knows when the tracker ended";
	same = hsm_stamp_same_life(&then, &now);
	if (journal->running && !same)
		return "the machine crashed, or the file system was unmounted "
		       "after the tracker was killed";
	if (hsm_stamp_set_back(&then, &now))
		return "the clock was set back";
	tracker->sweep = journal->running || !same || !still;
	tracker->crashed = journal->running;
	tracker->since = then;
	return NULL;
}

int hsm_resume(struct hsm_tracker *tracker, int place)
{
	struct hsm_journal *journal = &tracker->journal;
	struct hsm_stamp now;
	bool still = is_still(tracker);
	const char *why;

	/* Without a stamp all that comes of it is a list that is incomplete. */
	hsm_stamp_take(&tracker->stamp, place);
	now = hsm_resume_now(tracker);
	why = look_back(tracker, still);
	if (why) {
		if (!journal->lost)
			hsm_log(tracker->log, HSM_LOG_INFO,
				"the history begins anew: %s", why);
		hsm_log_file_reset(&tracker->records);
	}
	tracker->lost = why != NULL;
	if (!tracker->sweep)
		hsm_resume_note(&tracker->records, &now);
	journal->lost = tracker->lost;
	journal->running = true;
	return hsm_journal_save(journal);
}

/* Longer than a dirty page stays writable, so that a store into it moves no time. */
static int64_t dirty_ns(void)
{
	static const char *const names[] = {
		"/proc/sys/vm/dirty_expire_centisecs",
		"/proc/sys/vm/dirty_writeback_centisecs",
	};
	int64_t sum = MARGIN_NS;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		FILE *file = fopen(names[i], "re");
		long value = 3000;

		if (file && fscanf(file, "%ld", &value) != 1)
			value = 3000;
		if (file)
			fclose(file);
		sum += value * (SECOND_NS / 100);
	}
	return sum;
}

void hsm_tracker_sweep(struct hsm_tracker *tracker)
{
	const int64_t since = tracker->since.real_ns;
	struct hsm_sweep sweep = {
		.root = tracker->root, .hide = tracker->hide,
		.directories_ns = since - MARGIN_NS,
		/* At an end in order all pages were synced. */
		.files_ns = since - (tracker->crashed ? dirty_ns() : MARGIN_NS),
		.changed = tracker->changed, .arg = tracker->own_arg,
		.log = &tracker->records,
	};
	const struct hsm_stamp begin = hsm_resume_now(tracker);
	int ret, tries = 3;
	uint64_t moves;

	if (!tracker->sweep)
		return;
	/* A directory that is moved meanwhile may be passed over. */
	do {
		hsm_tracker_read(tracker);
		moves = tracker->moves;
		ret = hsm_sweep_run(&sweep);
		hsm_tracker_read(tracker);
	} while (!ret && moves != tracker->moves && --tries);
	if (ret < 0 || !tries)
		hsm_tracker_lose(tracker, ret < 0 ? strerror(-ret) :
				 "directories are moved all the time");
	hsm_log(tracker->log, HSM_LOG_INFO, "swept: looked at %llu names for "
		"what changed without a tracker",
		(unsigned long long)sweep.looked);
	tracker->sweep = false;
	if (!tracker->lost)
		hsm_resume_note(&tracker->records, &begin);
	if (hsm_log_file_flush(&tracker->records) < 0)
		hsm_tracker_lose(tracker, strerror(-tracker->records.error));
}

static int reopen(struct hsm_tracker *tracker)
{
	const struct hsm_journal *journal = &tracker->journal;
	int fd = hsm_journal_file(journal, journal->period, "log",
				  O_RDWR | O_APPEND);

	if (fd < 0)
		return fd;
	hsm_log_file_close(&tracker->records);
	return hsm_log_file_init(&tracker->records, fd);
}

/* Does it count?  The state is written between. */
static bool counts(struct hsm_tracker *tracker)
{
	char first[HSM_STILL_TEXT], text[HSM_STILL_TEXT];

	return hsm_still_count(tracker->root, first) == 0 &&
	       hsm_journal_save(&tracker->journal) == 0 &&
	       hsm_still_count(tracker->root, text) == 0 && strcmp(first, text);
}

/*
 * What is counted must have in it what we wrote ourselves, and nothing that we do
 * not hear: the count first, then a while for who is just changing something, and
 * a last look.  xfs frees what we replaced a moment later.
 */
static bool count_last(struct hsm_tracker *tracker, char text[HSM_STILL_TEXT])
{
	char again[HSM_STILL_TEXT];
	unsigned int try;
	uint64_t before;

	/* xfs gives back at close(2) what it allocated beyond the end. */
	if (reopen(tracker) < 0 || !counts(tracker))
		return false;
	before = tracker->records.records;
	for (try = 0; try < 4; try++) {
		if (hsm_still_count(tracker->root, text) < 0)
			return false;
		poll(NULL, 0, LAST_WORD_MS);
		hsm_tracker_read(tracker);
		if (tracker->records.records != before ||
		    hsm_still_count(tracker->root, again) < 0)
			return false;
		if (!strcmp(text, again))
			return true;
	}
	return false;
}

void hsm_resume_end(struct hsm_tracker *tracker)
{
	struct hsm_journal *journal = &tracker->journal;
	struct hsm_stamp now = hsm_resume_now(tracker);
	char count[HSM_STILL_TEXT];
	bool still;

	hsm_tracker_read(tracker);
	/* What was not looked at is to be looked at by the next one. */
	if (tracker->sweep)
		return;
	if (hsm_log_file_sync(&tracker->records) < 0)
		tracker->lost = true;
	journal->lost = tracker->lost;
	journal->running = false;
	hsm_stamp_print(&now, journal->stamp);
	/* When it fails, the next start finds a tracker that was killed. */
	if (hsm_journal_save(journal) < 0) {
		hsm_tracker_lose(tracker, "its end could not be written down");
		return;
	}
	still = !journal->lost && count_last(tracker, count);
	if (still)
		hsm_still_keep(journal->id, count);
	else
		hsm_log_file_sync(&tracker->records);
}
