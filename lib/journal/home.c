// SPDX-License-Identifier: GPL-2.0-or-later
#include "journal/home.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/cleanup.h"

/* Replace the small file `name`.  Durable. */
static int write_text(const struct hsm_journal *journal, const char *name,
		      const char *text)
{
	ssize_t len = (ssize_t)strlen(text);
	HSM_CLOSE int fd = -1;
	char new[32];

	/* The tracker and who commits a cursor do this at the same time. */
	snprintf(new, sizeof(new), "text.%d", (int)gettid());
	fd = openat(journal->fd, new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
		    0600);
	if (fd < 0)
		return -errno;
	errno = ENOSPC;
	if (write(fd, text, (size_t)len) != len || fsync(fd) < 0 ||
	    renameat(journal->fd, new, journal->fd, name) < 0 ||
	    fsync(journal->fd) < 0)
		return -errno;
	return 0;
}

static int read_text(const struct hsm_journal *journal, const char *name,
		     char *text, size_t size)
{
	/* To read the journal is no change of the file system (still.h). */
	HSM_CLOSE int fd = openat(journal->fd, name, O_RDONLY | O_CLOEXEC |
				  O_NOATIME);
	ssize_t len;

	if (fd < 0)
		return -errno;
	len = read(fd, text, size - 1);
	if (len < 0)
		return -errno;
	text[len] = '\0';
	return 0;
}

static int read_state(struct hsm_journal *journal)
{
	char text[512];
	int ret = read_text(journal, "state", text, sizeof(text)), lost, running;
	unsigned int format;

	if (ret < 0)
		return ret;
	if (sscanf(text, "format %u\nid %" SCNx64 "\nlost %d\nrunning %d\n",
		   &format, &journal->id, &lost, &running) != 4 || format != 1)
		return -EBADMSG;
	journal->lost = lost;
	journal->running = running;
	if (!strstr(text, "\nstamp ") ||
	    sscanf(strstr(text, "\nstamp ") + 7, "%127[^\n]",
		   journal->stamp) != 1)
		journal->stamp[0] = '\0';
	return 0;
}

int hsm_journal_open_at(struct hsm_journal *journal, int fd)
{
	uint64_t *numbers = NULL;
	unsigned int count = 0;
	int ret;

	*journal = (struct hsm_journal){ .fd = fd, .lock = -1 };
	ret = read_state(journal);
	if (!ret)
		ret = hsm_journal_numbers(journal, &numbers, &count);
	journal->period = count ? numbers[count - 1] + 1 : 1;
	free(numbers);
	if (ret < 0)
		hsm_journal_close(journal);
	return ret;
}

int hsm_journal_open(struct hsm_journal *journal, int store_fd)
{
	int fd = openat(store_fd, "journal", O_RDONLY | O_DIRECTORY |
			O_NOFOLLOW | O_CLOEXEC);

	*journal = (struct hsm_journal){ .fd = -1, .lock = -1 };
	return fd < 0 ? -errno : hsm_journal_open_at(journal, fd);
}

int hsm_journal_make(struct hsm_journal *journal, int store_fd)
{
	int ret = hsm_journal_open(journal, store_fd);

	if (ret != -ENOENT)
		return ret;
	if (mkdirat(store_fd, "journal", 0700) < 0 && errno != EEXIST)
		return -errno;
	journal->fd = openat(store_fd, "journal", O_RDONLY | O_DIRECTORY |
			     O_NOFOLLOW | O_CLOEXEC);
	if (journal->fd < 0)
		return -errno;
	journal->period = 1;
	journal->lost = true;
	if (getrandom(&journal->id, sizeof(journal->id), 0) !=
	    sizeof(journal->id))
		return -EIO;
	ret = hsm_journal_save(journal);
	if (!ret && fsync(store_fd) < 0)
		ret = -errno;
	return ret;
}

int hsm_journal_lock(struct hsm_journal *journal)
{
	HSM_CLOSE int fd = openat(journal->fd, "lock",
				  O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return -errno;
	journal->lock = hsm_steal_fd(&fd);
	return 0;
}

int hsm_journal_save(struct hsm_journal *journal)
{
	char text[512];

	snprintf(text, sizeof(text), "format 1\nid %016" PRIx64
		 "\nlost %d\nrunning %d\nstamp %s\n", journal->id,
		 journal->lost, journal->running, journal->stamp);
	return write_text(journal, "state", text);
}

void hsm_journal_close(struct hsm_journal *journal)
{
	if (journal->lock >= 0)
		close(journal->lock);
	if (journal->fd >= 0)
		close(journal->fd);
	journal->fd = journal->lock = -1;
}

int hsm_journal_file(const struct hsm_journal *journal, uint64_t n,
		     const char *kind, int flags)
{
	char name[64];
	int fd;

	snprintf(name, sizeof(name), "%" PRIu64 ".%s", n, kind);
	fd = openat(journal->fd, name, flags | O_CLOEXEC | O_NOFOLLOW |
		    O_NOATIME, 0600);
	return fd < 0 ? -errno : fd;
}

int hsm_journal_publish(struct hsm_journal *journal, uint64_t n)
{
	char from[64], to[64];

	snprintf(from, sizeof(from), "%" PRIu64 ".new", n);
	snprintf(to, sizeof(to), "%" PRIu64 ".list", n);
	if (renameat(journal->fd, from, journal->fd, to) < 0 ||
	    fsync(journal->fd) < 0)
		return -errno;
	return 0;
}

/* The number in "N.KIND"; 0: another name. */
static uint64_t number_of(const char *name, const char *kind)
{
	char *end;
	uint64_t n = strtoull(name, &end, 10);

	return name[0] >= '1' && name[0] <= '9' && *end == '.' &&
	       !strcmp(end + 1, kind) ? n : 0;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static DIR *open_again(const struct hsm_journal *journal)
{
	int fd = openat(journal->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC |
			O_NOATIME);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (fd >= 0 && !dir)
		close(fd);
	return dir;
}

int hsm_journal_numbers(const struct hsm_journal *journal, uint64_t **out,
			unsigned int *count)
{
	HSM_CLOSEDIR DIR *dir = open_again(journal);
	struct dirent *entry;
	unsigned int room = 0;

	*out = NULL;
	*count = 0;
	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		uint64_t n = number_of(entry->d_name, "list"), *grown;

		if (!n)
			continue;
		if (*count == room) {
			room = room ? 2 * room : 32;
			grown = realloc(*out, room * sizeof(**out));
			if (!grown) {
				free(*out);
				*out = NULL;
				return -ENOMEM;
			}
			*out = grown;
		}
		(*out)[(*count)++] = n;
	}
	if (*count)
		qsort(*out, *count, sizeof(**out), compare);
	return 0;
}

void hsm_journal_trim(const struct hsm_journal *journal, unsigned int keep)
{
	HSM_CLOSEDIR DIR *dir = open_again(journal);
	struct dirent *entry;

	/* Lists are numbered without gaps, the last one is period - 1. */
	while (dir && (entry = readdir(dir))) {
		uint64_t list = number_of(entry->d_name, "list");
		uint64_t log = number_of(entry->d_name, "log");
		uint64_t intent = number_of(entry->d_name, "intent");

		if ((list && list + keep < journal->period) ||
		    (log && log < journal->period) ||
		    (intent && intent + 1 < journal->period) ||
		    number_of(entry->d_name, "new"))
			unlinkat(journal->fd, entry->d_name, 0);
	}
}

void hsm_journal_id(const struct hsm_journal *journal, uint64_t n,
		    char id[HSM_CHECKPOINT_ID])
{
	snprintf(id, HSM_CHECKPOINT_ID, "%08x-%" PRIu64,
		 (unsigned int)(journal->id >> 32), n);
}

int hsm_journal_parse(const struct hsm_journal *journal, const char *id,
		      uint64_t *n)
{
	char again[HSM_CHECKPOINT_ID];
	unsigned int of;

	if (strlen(id) < 10 || id[8] != '-' ||
	    sscanf(id, "%8x-%" SCNu64, &of, n) != 2)
		return -EINVAL;
	hsm_journal_id(journal, *n, again);
	if (strcmp(again + 9, id + 9))
		return -EINVAL;
	return strcmp(again, id) ? -ENOENT : 0;
}

static int cursor_name(const char *name, char *out, size_t size)
{
	if (!*name || strchr(name, '/') || strlen(name) > 200)
		return -EINVAL;
	snprintf(out, size, "cursor.%s", name);
	return 0;
}

int hsm_journal_cursor(const struct hsm_journal *journal, const char *name,
		       uint64_t *n)
{
	char file[256], text[64];
	int ret = cursor_name(name, file, sizeof(file));

	if (!ret)
		ret = read_text(journal, file, text, sizeof(text));
	if (ret < 0)
		return ret;
	return sscanf(text, "%" SCNu64, n) == 1 ? 0 : -EBADMSG;
}

int hsm_journal_commit(const struct hsm_journal *journal, const char *name,
		       uint64_t n)
{
	char file[256], text[64];
	int ret = cursor_name(name, file, sizeof(file));

	snprintf(text, sizeof(text), "%" PRIu64 "\n", n);
	return ret ? ret : write_text(journal, file, text);
}
