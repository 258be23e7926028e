// SPDX-License-Identifier: GPL-2.0-or-later
#include "journal/sweep.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/fd.h"

#define SECOND_NS INT64_C(1000000000)

static int64_t ns_of(const struct statx_timestamp *t)
{
	return t->tv_sec * SECOND_NS + t->tv_nsec;
}

static int add_directory(struct hsm_sweep *sweep, const struct hsm_handle *handle)
{
	struct hsm_record record = {
		.what = HSM_RECORD_DIR | HSM_RECORD_ATTRIB | HSM_RECORD_RESCAN,
		.parent = *handle, .inode = *handle,
		.name = ".", .name_len = 1,
	};

	return hsm_log_file_add(sweep->log, &record);
}

static int add_file(struct hsm_sweep *sweep, int dir,
		    const struct hsm_handle *parent, const char *name,
		    const struct statx *st)
{
	HSM_CLOSE int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct hsm_record record = {
		.what = HSM_RECORD_ATTRIB | HSM_RECORD_MODIFY,
		.parent = *parent, .name = name,
		.name_len = (uint16_t)strlen(name),
	};

	if (fd < 0) /* gone or moved meanwhile, which is heard */
		return errno == ENOENT ? 0 : -errno;
	if (hsm_handle_get(fd, &record.inode) < 0)
		return -EIO;
	if (sweep->changed && S_ISREG(st->stx_mode) &&
	    !sweep->changed(sweep->arg, fd))
		record.what = HSM_RECORD_ATTRIB;
	return hsm_log_file_add(sweep->log, &record);
}

static int walk(struct hsm_sweep *sweep, int fd, bool top);

static int look(struct hsm_sweep *sweep, int dir,
		const struct hsm_handle *handle, const char *name)
{
	struct statx st;
	int inner;

	if (statx(dir, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT,
		  STATX_BASIC_STATS, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	sweep->looked++;
	if (!S_ISDIR(st.stx_mode))
		return ns_of(&st.stx_ctime) < sweep->files_ns ? 0 :
		       add_file(sweep, dir, handle, name, &st);
	inner = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
		       O_CLOEXEC | O_NOATIME);
	if (inner < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
	return walk(sweep, inner, false);
}

/* `fd` is given.  What changes while this runs is heard. */
static int walk(struct hsm_sweep *sweep, int fd, bool top)
{
	HSM_CLOSEDIR DIR *dir = fdopendir(fd);
	struct hsm_handle handle;
	struct dirent *entry;
	struct statx st;
	int ret;

	if (!dir) {
		ret = -errno;
		close(fd);
		return ret;
	}
	if (statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &st) < 0)
		return -errno;
	ret = hsm_handle_get(fd, &handle);
	/* What is below a directory that is to be looked at need not be told. */
	if (!ret && ns_of(&st.stx_ctime) >= sweep->directories_ns)
		return add_directory(sweep, &handle);
	while (!ret && (entry = hsm_fd_entry(dir))) {
		const char *name = entry->d_name;

		if (!top || !sweep->hide || strcmp(name, sweep->hide))
			ret = look(sweep, fd, &handle, name);
	}
	return ret ? ret : -errno;
}

int hsm_sweep_run(struct hsm_sweep *sweep)
{
	int fd = openat(sweep->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	sweep->looked = 0;
	return fd < 0 ? -errno : walk(sweep, fd, true);
}
