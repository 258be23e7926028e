// SPDX-License-Identifier: GPL-2.0-or-later
/* Checkpoints as the command asks for them. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "changelist.h"
#include "engine/task.h"
#include "failure.h"
#include "hsm.h"
#include "journal/home.h"
#include "server/control.h"
#include "tree.h"

/* How long a worker that was killed may take to be replaced. */
enum { KEEP = 16, PATIENCE_MS = 30000 };

/* Where the journal of a directory is, and who tracks it. */
struct place {
	const char *name;          /* as the caller gave it */
	struct hsm_journal journal;
	int dir;                   /* the directory */
	int control;               /* connection to its tracker, or -errno */
	struct hsm_session *session; /* of a served tree */
	bool served;
	unsigned long long end;    /* of our patience, see hsm_task_now() */
};

static void hang_up(struct place *place)
{
	hsm_journal_close(&place->journal);
	if (place->control >= 0)
		close(place->control);
	hsm_session_free(place->session);
	place->session = NULL;
	place->served = false;
	place->control = -1;
}

static void leave(struct place *place)
{
	hang_up(place);
	if (place->dir >= 0)
		close(place->dir);
	place->dir = -1;
}

/*
 * The worker that was asked is gone, or its journal is still locked by the one
 * before it: another one will answer at the same socket.
 */
static bool is_replaced(int error)
{
	return error == -ECONNRESET || error == -EAGAIN;
}

static int call(struct place *place, enum hsm_control_op op, uint64_t off,
		struct hsm_control_reply *reply, int *fd)
{
	struct hsm_control_request request = {
		.version = HSM_CONTROL_VERSION, .op = op, .off = off,
	};

	if (place->control < 0)
		return -ENOTCONN;
	return hsm_control_call(place->control, &request, reply, fd, -1);
}

static bool is_same(int one, int other)
{
	struct stat a, b;

	return fstat(one, &a) == 0 && fstat(other, &b) == 0 &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* The tree of a server: 0; -EXDEV: it is none. */
static int find_served(struct place *place)
{
	struct hsm_control_reply reply;
	struct hsm_tree *tree;
	HSM_CLOSE int fd = -1;
	int ret = hsm_session_new(&place->session, NULL), journal = -1;

	if (!ret)
		ret = hsm_tree_find(place->session, place->name, &tree, &fd);
	if (!ret && tree->control < 0)
		ret = -EXDEV; /* not served now: its journal lies in DIR/.hsm */
	if (!ret && !is_same(tree->root, fd))
		ret = -EINVAL;
	if (ret < 0)
		return ret;
	place->served = true;
	place->control = dup(tree->control);
	ret = call(place, HSM_CONTROL_JOURNAL, 0, &reply, &journal);
	return ret < 0 ? ret : hsm_journal_open_at(&place->journal, journal);
}

static int find_tracked(struct place *place)
{
	HSM_CLOSE int store = openat(place->dir, ".hsm",
				     O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int ret = store < 0 ? -errno : hsm_journal_open(&place->journal, store);

	if (!ret)
		place->control = hsm_control_connect(place->journal.id);
	return ret;
}

/*
 * A copy of a directory has a copy of its journal, with the same ID: is it really
 * this one's tracker who answers?  -ENOTCONN.
 */
static int check_tracker(struct place *place)
{
	struct hsm_control_reply reply;
	HSM_CLOSE int journal = -1;
	int ret;

	if (place->served)
		return 0;
	ret = call(place, HSM_CONTROL_JOURNAL, 0, &reply, &journal);
	return !ret && !is_same(journal, place->journal.fd) ? -ENOTCONN : ret;
}

/* Find it again: what was known of it is forgotten. */
static int find_again(struct place *place, struct hsm_failure *failure)
{
	const char *dir = place->name;
	int ret;

	for (;;) {
		hang_up(place);
		ret = find_served(place);
		if (ret == -EXDEV)
			ret = find_tracked(place);
		if (!is_replaced(ret) || hsm_task_now() > place->end)
			break;
		poll(NULL, 0, 50);
	}
	if (ret == -ENOENT)
		ret = hsm_failure_set(failure, ret, "%s: is not tracked "
				      "(hsm-checkpoint --watch begins that)",
				      dir);
	else if (ret == -EINVAL)
		ret = hsm_failure_set(failure, ret,
				      "%s: is only a part of a served tree",
				      dir);
	else if (ret == -ENOTCONN)
		ret = hsm_failure_set(failure, ret, "%s: its server was killed",
				      dir);
	else if (ret == -ETIMEDOUT || is_replaced(ret))
		ret = hsm_failure_set(failure, ret, "%s: its server does not "
				      "answer: ask again, or see hsm-serve "
				      "--status", dir);
	else if (ret < 0)
		ret = hsm_failure_set(failure, ret,
				      "%s: its journal cannot be read: %s", dir,
				      strerror(-ret));
	return ret;
}

static int find(struct place *place, const char *dir,
		struct hsm_failure *failure)
{
	int ret;

	*place = (struct place){
		.name = dir, .journal = { .fd = -1, .lock = -1 },
		.control = -1, .end = hsm_task_now() + PATIENCE_MS,
	};
	failure->kind = HSM_FAILURE_NONE;
	place->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (place->dir < 0)
		return hsm_failure_set_errno(failure, -errno, dir);
	ret = find_again(place, failure);
	if (ret < 0)
		leave(place);
	return ret;
}

/* `*from`: the checkpoint that the list begins after. */
static int read_start(const struct place *place,
		      const struct hsm_checkpoint_options *options,
		      uint64_t *from, bool *unknown, struct hsm_failure *failure)
{
	const struct hsm_journal *journal = &place->journal;
	int ret = 0;

	if (options->since) {
		ret = hsm_journal_parse(journal, options->since, from);
		if (ret == -EINVAL)
			return hsm_failure_set(failure, ret,
					       "%s: is no ID of a checkpoint",
					       options->since);
	} else if (options->cursor) {
		ret = hsm_journal_cursor(journal, options->cursor, from);
		if (ret == -EINVAL)
			return hsm_failure_set(failure, ret,
					       "%s: cannot be the name of a "
					       "cursor", options->cursor);
	}
	/* Of another journal, or never committed: there is no history. */
	*unknown = ret == -ENOENT || ret == -EBADMSG;
	return *unknown || !ret ? 0 :
	       hsm_failure_set_errno(failure, ret, place->name);
}

/* Lists from + 1 .. last; one that is gone makes the whole incomplete. */
static int add_lists(struct place *place, struct hsm_changes *changes,
		     uint64_t from, uint64_t last)
{
	uint64_t n;
	int ret = 0;

	if (from > last)
		changes->rescan = true;
	for (n = from + 1; !ret && n <= last && !changes->rescan; n++) {
		HSM_CLOSE int fd = hsm_journal_file(&place->journal, n, "list",
						    O_RDONLY);

		if (fd == -ENOENT)
			changes->rescan = true;
		else
			ret = fd < 0 ? fd : hsm_changes_add(changes, fd);
	}
	return ret;
}

/* `most`: the checkpoint that the list begins after at the latest. */
static int gather(struct place *place,
		  const struct hsm_checkpoint_options *options, uint64_t most,
		  struct hsm_changes *changes, struct hsm_failure *failure)
{
	bool peek = options->peek || options->since;
	struct hsm_control_reply reply;
	HSM_CLOSE int list = -1;
	uint64_t from = 0, last;
	bool unknown;
	int ret = read_start(place, options, &from, &unknown, failure);

	if (ret < 0)
		return ret;
	ret = check_tracker(place);
	if (!ret && peek)
		ret = call(place, HSM_CONTROL_PEEK, 0, &reply, &list);
	else if (!ret)
		ret = call(place, HSM_CONTROL_CHECKPOINT,
			   options->keep ? options->keep : KEEP, &reply, NULL);
	if (ret == -ENOTCONN || ret == -ECONNRESET)
		return hsm_failure_set(failure, ret,
				       "%s: its tracker does not run",
				       place->name);
	if (ret < 0) {
		changes->rescan = true;
		return hsm_failure_set(failure, ret,
				       "%s: no checkpoint was made: %s",
				       place->name, strerror(-ret));
	}
	last = reply.checkpoint;
	if (!options->since && !options->cursor)
		from = peek ? last : last - 1 < most ? last - 1 : most;
	hsm_journal_id(&place->journal, last, changes->id);
	hsm_journal_id(&place->journal, from, changes->since);
	changes->rescan |= unknown;
	ret = add_lists(place, changes, from, last);
	if (!ret && list >= 0)
		ret = hsm_changes_add(changes, list);
	if (!ret)
		ret = hsm_changes_settle_list(changes);
	return ret < 0 ? hsm_failure_set(failure, ret, "%s: the list cannot be "
					 "read: %s", place->name,
					 strerror(-ret)) : 0;
}

int hsm_checkpoint(const char *dir, const struct hsm_checkpoint_options *options,
		   struct hsm_changes **out, struct hsm_failure *failure)
{
	struct hsm_changes *changes = calloc(1, sizeof(*changes));
	struct place place;
	uint64_t last;
	int ret;

	*out = changes;
	if (!changes)
		return -ENOMEM;
	changes->dir = -1;
	changes->text = malloc(2 * (UINT16_MAX + 1));
	if (!changes->text)
		return -ENOMEM;
	ret = find(&place, dir, failure);
	if (ret < 0)
		return ret;
	changes->dir = dup(place.dir);
	last = place.journal.period - 1;
	ret = gather(&place, options, UINT64_MAX, changes, failure);
	/* The worker was killed, perhaps after the checkpoint was made. */
	while (ret == -ECONNRESET && place.served &&
	       hsm_task_now() < place.end) {
		failure->kind = HSM_FAILURE_NONE;
		ret = find_again(&place, failure);
		if (!ret)
			ret = gather(&place, options, last, changes, failure);
	}
	leave(&place);
	return ret;
}

/* When list `n` was published, from its head. */
static int read_time(const struct place *place, uint64_t n,
		     struct timespec *time)
{
	HSM_CLOSE int fd = hsm_journal_file(&place->journal, n, "list",
					    O_RDONLY);
	unsigned char buf[256];
	struct hsm_record head;
	char text[64];
	long long seconds;
	ssize_t len;

	if (fd < 0)
		return fd;
	len = pread(fd, buf, sizeof(buf), 0);
	if (len < 0)
		return -errno;
	if (hsm_record_decode(&head, buf, (size_t)len) <= 0 ||
	    !(head.what & HSM_RECORD_HEAD) || head.name_len >= sizeof(text))
		return -EBADMSG;
	memcpy(text, head.name, head.name_len);
	text[head.name_len] = '\0';
	if (sscanf(text, "%lld.%ld", &seconds, &time->tv_nsec) != 2)
		return -EBADMSG;
	time->tv_sec = seconds;
	return 0;
}

int hsm_checkpoint_list(const char *dir,
			void (*fn)(void *arg, const char *id,
				   const struct timespec *time),
			void *arg, struct hsm_failure *failure)
{
	HSM_FREE uint64_t *numbers = NULL;
	unsigned int count = 0, i;
	struct place place;
	int ret = find(&place, dir, failure);

	if (ret < 0)
		return ret;
	ret = hsm_journal_numbers(&place.journal, &numbers, &count);
	for (i = 0; !ret && i < count; i++) {
		struct timespec time = { 0 };
		char id[HSM_CHECKPOINT_ID];

		/* Removed meanwhile, or damaged: asking for it says so. */
		if (read_time(&place, numbers[i], &time) < 0)
			continue;
		hsm_journal_id(&place.journal, numbers[i], id);
		fn(arg, id, &time);
	}
	leave(&place);
	return ret < 0 ? hsm_failure_set_errno(failure, ret, dir) : 0;
}

int hsm_checkpoint_commit(const char *dir, const char *name, const char *id,
			  struct hsm_failure *failure)
{
	struct place place;
	uint64_t n;
	int ret = find(&place, dir, failure);

	if (ret < 0)
		return ret;
	ret = hsm_journal_parse(&place.journal, id, &n);
	if (!ret && n >= place.journal.period)
		ret = -ENOENT;
	if (ret < 0) {
		ret = hsm_failure_set(failure, ret,
				      "%s: is no checkpoint of %s", id, dir);
	} else {
		ret = hsm_journal_commit(&place.journal, name, n);
		if (ret < 0)
			ret = hsm_failure_set(failure, ret, "%s: the cursor "
					      "cannot be written: %s", name,
					      strerror(-ret));
	}
	leave(&place);
	return ret;
}
