// SPDX-License-Identifier: GPL-2.0-or-later
#include "server/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "journal/group.h"
#include "local/mount.h"
#include "stage/inspect.h"
#include "stage/opener.h"

enum { PAUSE_MS = 50 };

static bool is_own(void *arg, pid_t pid)
{
	const struct hsm_engine_journal *journal = arg;
	unsigned int i;

	for (i = 0; i < journal->own_count; i++)
		if (journal->own[i] == pid)
			return true;
	return false;
}

/* A file that was only filled has another ctime, too. */
static bool is_changed(void *arg, int fd)
{
	const struct hsm_engine_journal *journal = arg;
	HSM_CLOSE int copy = -1;
	struct hsm_facts facts;
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	copy = open(path, O_RDONLY | O_NONBLOCK | O_NOATIME | O_CLOEXEC);
	return copy < 0 || hsm_inspect(copy, journal->store_id, &facts) < 0 ||
	       !facts.ours || hsm_facts_dirty(&facts);
}

/* Never evicted, until somebody says that it is clean. */
static void mark_opened(void *arg, const struct hsm_handle *inode)
{
	const struct hsm_engine_journal *journal = arg;
	HSM_CLOSE int fd = hsm_handle_open(journal->watch->root, inode,
					   O_RDONLY | O_NONBLOCK | O_NOATIME);
	struct hsm_facts facts;
	int ret = fd == -ESTALE ? 0 : fd;

	if (fd >= 0)
		ret = hsm_inspect(fd, journal->store_id, &facts);
	if (!ret && fd >= 0 && facts.ours && facts.st.st_size &&
	    !(facts.flags & HSM_FLAG_DIRTY) &&
	    (facts.flags & HSM_FLAG_WHOLE || facts.content == HSM_CONTENT_ALL))
		ret = hsm_mark_set(fd, HSM_FLAG_CHANGED);
	if (ret)
		hsm_log(journal->log, HSM_LOG_ERROR, "a file that was open for "
			"writing at the crash: %s", strerror(-ret));
}

int hsm_engine_journal_join(struct hsm_engine_journal *journal, int fd,
			    pid_t *pid)
{
	int ret = hsm_control_peer(fd, pid);

	if (ret < 0)
		return ret;
	pthread_mutex_lock(&journal->lock);
	if (journal->own_count == HSM_JOURNAL_OWN)
		ret = -EUSERS;
	else
		journal->own[journal->own_count++] = *pid;
	pthread_mutex_unlock(&journal->lock);
	return ret;
}

void hsm_engine_journal_leave(struct hsm_engine_journal *journal, pid_t pid)
{
	unsigned int i;

	pthread_mutex_lock(&journal->lock);
	/* What it did is in the queue, and its number may be another's soon. */
	if (journal->on)
		hsm_tracker_read(&journal->tracker);
	for (i = 0; i < journal->own_count; i++)
		if (journal->own[i] == pid)
			break;
	if (i < journal->own_count)
		journal->own[i] = journal->own[--journal->own_count];
	pthread_mutex_unlock(&journal->lock);
}

/* A group is replaced at each checkpoint: look at it anew each time. */
static void *listen_for_changes(void *arg)
{
	struct hsm_engine_journal *journal = arg;

	pthread_mutex_lock(&journal->lock);
	if (journal->on)
		hsm_tracker_sweep(&journal->tracker);
	pthread_mutex_unlock(&journal->lock);
	for (;;) {
		struct pollfd ready = { .events = POLLIN };

		pthread_mutex_lock(&journal->lock);
		if (!journal->on) {
			pthread_mutex_unlock(&journal->lock);
			return NULL;
		}
		hsm_tracker_read(&journal->tracker);
		/* Ours: the other one is closed at a checkpoint. */
		ready.fd = dup(journal->tracker.group);
		pthread_mutex_unlock(&journal->lock);
		if (ready.fd >= 0) {
			poll(&ready, 1, 1000);
			close(ready.fd);
		}
		poll(NULL, 0, PAUSE_MS);
	}
}

/*
 * To write the journal must not ask ourselves for content: we are the ones who
 * would have to answer, perhaps in this very thread.
 */
static int open_store(struct hsm_engine_journal *journal)
{
	HSM_CLOSE int mount = hsm_mount_clone(journal->store_fd);
	int ret = mount;

	if (journal->store >= 0)
		return 0;
	if (ret >= 0)
		ret = hsm_watch_exempt(journal->watch, mount);
	if (ret < 0)
		return ret;
	journal->store = openat(mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return journal->store < 0 ? -errno : 0;
}

/* A file that is being filled has a writer: us. */
static bool reads_only(int tid)
{
	enum hsm_call call = HSM_CALL_UNKNOWN;
	int flags = O_RDWR, tries;

	/*
	 * On its way to sleep it is "running" still, and shows no call: as long
	 * as it has to wait for a processor.
	 */
	for (tries = 0; call == HSM_CALL_UNKNOWN && tries < 70; tries++) {
		if (tries)
			usleep(tries < 20 ? 200 : 4000);
		call = hsm_opener_call(tid, &flags);
	}
	return call == HSM_CALL_OPEN && (flags & O_ACCMODE) == O_RDONLY &&
	       !(flags & O_TRUNC);
}

/* With the lock held. */
static int begin(struct hsm_engine_journal *journal)
{
	struct hsm_tracker *tracker = &journal->tracker;
	pthread_t thread;
	int ret;

	if (journal->on)
		return 0;
	*tracker = (struct hsm_tracker){
		.log = journal->log, .group = -1, .records.fd = -1,
		.journal = { .fd = -1, .lock = -1 },
		.root = journal->watch->root, .mount = journal->watch->mount,
		.own = is_own, .changed = is_changed, .opened = mark_opened,
		.own_arg = journal,
		.strict = journal->strict, .reads = reads_only,
	};
	ret = open_store(journal);
	if (!ret)
		ret = hsm_journal_make(&tracker->journal, journal->store);
	if (!ret)
		ret = hsm_journal_lock(&tracker->journal);
	if (!ret)
		ret = hsm_tracker_start(tracker, journal->store_fd);
	journal->on = !ret;
	if (!ret && (ret = -pthread_create(&thread, NULL, listen_for_changes,
					   journal)) == 0)
		pthread_detach(thread);
	if (ret < 0) {
		journal->on = false;
		hsm_tracker_stop(tracker);
		hsm_journal_close(&tracker->journal);
	}
	return ret;
}

int hsm_engine_journal_start(struct hsm_engine_journal *journal,
			     const struct hsm_log *log, int store_fd,
			     uint64_t store_id,
			     const struct hsm_watch *watch, bool strict)
{
	int ret = 0;

	memset(journal, 0, sizeof(*journal));
	pthread_mutex_init(&journal->lock, NULL);
	journal->log = log;
	journal->store_fd = store_fd;
	journal->store_id = store_id;
	journal->store = -1;
	journal->watch = watch;
	journal->strict = strict;
	pthread_mutex_lock(&journal->lock);
	if (strict || faccessat(store_fd, "journal/state", F_OK, 0) == 0)
		ret = begin(journal);
	pthread_mutex_unlock(&journal->lock);
	return ret;
}

void hsm_engine_journal_stop(struct hsm_engine_journal *journal)
{
	pthread_mutex_lock(&journal->lock);
	if (journal->on) {
		journal->on = false;
		hsm_tracker_stop(&journal->tracker);
		hsm_journal_close(&journal->tracker.journal);
	}
	pthread_mutex_unlock(&journal->lock);
}

static int peek(struct hsm_tracker *tracker, int *fd_to_send)
{
	int fd = memfd_create("hsm-checkpoint", MFD_CLOEXEC), copy, ret;

	if (fd < 0)
		return -errno;
	copy = dup(fd);
	ret = copy < 0 ? -errno : hsm_tracker_peek(tracker, copy);
	if (ret < 0)
		close(fd);
	else
		*fd_to_send = fd;
	return ret;
}

static int send_directory(const struct hsm_tracker *tracker, int *fd_to_send)
{
	*fd_to_send = openat(tracker->journal.fd, ".",
			     O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *fd_to_send < 0 ? -errno : 0;
}

void hsm_engine_journal_answer(struct hsm_engine_journal *journal,
			       const struct hsm_control_request *request,
			       struct hsm_control_reply *reply,
			       int *fd_to_send)
{
	struct hsm_tracker *tracker = &journal->tracker;
	int ret;

	pthread_mutex_lock(&journal->lock);
	ret = begin(journal);
	if (!ret && request->op == HSM_CONTROL_JOURNAL)
		ret = send_directory(tracker, fd_to_send);
	else if (!ret && request->op == HSM_CONTROL_PEEK)
		ret = peek(tracker, fd_to_send);
	reply->checkpoint = tracker->journal.period - 1;
	if (!ret && request->op == HSM_CONTROL_CHECKPOINT)
		ret = hsm_tracker_cut(tracker, (unsigned int)request->off,
				      &reply->checkpoint);
	reply->error = ret;
	pthread_mutex_unlock(&journal->lock);
}
