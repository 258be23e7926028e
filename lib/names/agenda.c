// SPDX-License-Identifier: GPL-2.0-or-later
#include "names/agenda.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int hsm_agenda_open(struct hsm_agenda *agenda, int store_fd)
{
	*agenda = (struct hsm_agenda){ .fd = -1 };
	agenda->fd = openat(store_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	return agenda->fd < 0 ? -errno : 0;
}

void hsm_agenda_close(struct hsm_agenda *agenda)
{
	while (agenda->dirs) {
		struct hsm_agenda_dir *dir = agenda->dirs;

		agenda->dirs = dir->next;
		free(dir);
	}
	if (agenda->fd >= 0)
		close(agenda->fd);
}

struct hsm_agenda_dir *hsm_agenda_dir_new(const char *path)
{
	size_t len = strlen(path) + 1;
	struct hsm_agenda_dir *dir = calloc(1, sizeof(*dir) + len);

	if (dir)
		memcpy(dir->path, path, len);
	return dir;
}

/* To the file: a path, `end` behind it ('/': a directory), and a NUL. */
static int spool(struct hsm_agenda *agenda, const char *path, const char *end)
{
	char line[PATH_MAX + 2];
	size_t len = strlen(path) + strlen(end) + 1;

	if (len > sizeof(line))
		return -ENAMETOOLONG;
	strcpy(stpcpy(line, path), end);
	errno = 0;
	if (pwrite(agenda->fd, line, len, (off_t)agenda->written) != (ssize_t)len)
		return errno ? -errno : -ENOSPC;
	agenda->written += len;
	return 0;
}

int hsm_agenda_add_dir(struct hsm_agenda *agenda, struct hsm_agenda_dir *dir)
{
	int ret;

	if (agenda->dir_count < HSM_AGENDA_DIRS) {
		dir->next = agenda->dirs;
		agenda->dirs = dir;
		agenda->dir_count++;
		return 0;
	}
	ret = spool(agenda, dir->path, "/");
	free(dir);
	return ret;
}

int hsm_agenda_add_file(struct hsm_agenda *agenda, const char *path)
{
	return spool(agenda, path, "");
}

bool hsm_agenda_empty(const struct hsm_agenda *agenda)
{
	return !agenda->dirs && agenda->read == agenda->written;
}

static int unspool(struct hsm_agenda *agenda, char *path)
{
	ssize_t len = pread(agenda->fd, path, PATH_MAX + 1,
			    (off_t)agenda->read);

	if (len <= 0)
		return len ? -errno : -EIO;
	if (!memchr(path, '\0', (size_t)len))
		return -EIO;
	agenda->read += strlen(path) + 1;
	if (agenda->read == agenda->written && !ftruncate(agenda->fd, 0))
		agenda->read = agenda->written = 0;
	return 1;
}

int hsm_agenda_next(struct hsm_agenda *agenda, char *path,
		    struct hsm_agenda_dir **dir)
{
	size_t len;
	int ret;

	/* What is in the file first: it leaves it, the others fill it. */
	if (agenda->read == agenda->written) {
		*dir = agenda->dirs;
		if (!*dir)
			return 0;
		agenda->dirs = (*dir)->next;
		agenda->dir_count--;
		return 2;
	}
	ret = unspool(agenda, path);
	if (ret < 0)
		return ret;
	len = strlen(path);
	if (!len || path[len - 1] != '/')
		return 1;
	path[len - 1] = '\0';
	*dir = hsm_agenda_dir_new(path);
	return *dir ? 2 : -ENOMEM;
}
