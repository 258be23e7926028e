// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * file:// remotes: a directory of this machine.  Content is never reached
 * through a symbolic link, so nothing outside of the directory is read.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "remote/backend.h"
#include "remote/url.h"

struct file_remote {
	struct hsm_remote base;
	char *root;
};

struct file_conn {
	struct hsm_conn base;
	/* The open stream. */
	int fd;
	char *path;
	struct hsm_version version;
	uint64_t pos, end;
};

static struct file_conn *file_conn(struct hsm_conn *conn)
{
	return (struct file_conn *)conn;
}

static int file_remote_new(struct hsm_remote **out, const char *root)
{
	struct file_remote *remote = calloc(1, sizeof(*remote));

	if (!remote)
		return -ENOMEM;
	remote->root = strdup(root);
	remote->base.url = hsm_url_join("file://", root, true);
	if (!remote->root || !remote->base.url) {
		free(remote->root);
		free(remote->base.url);
		free(remote);
		return -ENOMEM;
	}
	*out = &remote->base;
	return 0;
}

static int file_open(struct hsm_remote **out, const char *url,
		     const char *userinfo,
		     const struct hsm_remote_options *options, char *error,
		     size_t error_size)
{
	static const char here[] = "localhost";
	const char *host = url + strlen("file://");
	const char *path = strchrnul(host, '/');
	size_t size = strlen(path) + 1, len = path - host;
	HSM_FREE char *root = malloc(size);

	(void)options;
	if (!root)
		return -ENOMEM;
	if (userinfo || (len && (len != strlen(here) ||
				 strncasecmp(host, here, len) != 0))) {
		snprintf(error, error_size,
			 "file:// is for this machine: file:///DIR");
		return -EINVAL;
	}
	if (hsm_url_decode(path, size - 1, root, size) !=
	    (ssize_t)strlen(root)) {
		snprintf(error, error_size, "a path cannot hold %%00");
		return -EINVAL;
	}
	return file_remote_new(out, root);
}

static void file_close(struct hsm_remote *base)
{
	struct file_remote *remote = (struct file_remote *)base;

	free(remote->root);
	free(remote);
}

static int file_conn_open(struct hsm_conn **out, struct hsm_remote *remote)
{
	struct file_conn *conn = calloc(1, sizeof(*conn));

	(void)remote;
	if (!conn)
		return -ENOMEM;
	conn->fd = -1;
	*out = &conn->base;
	return 0;
}

static void file_conn_close(struct hsm_conn *conn)
{
	free(conn);
}

static int map_errno(int error)
{
	switch (error) {
	case ELOOP:
		return -ENOTDIR;
	case EACCES:
	case EPERM:
		return -EACCES;
	case ENOENT:
	case ENOMEM:
	case ENOTDIR:
	case ESTALE:
		return -error;
	default:
		return -EIO;
	}
}

static int fail_errno(struct hsm_conn *conn, const char *path, int error)
{
	return hsm_conn_fail(conn, map_errno(error), "%s%s: %s",
			     conn->remote->url, path, strerror(error));
}

/* The root is looked up each time: it may be a mount that comes and goes. */
static int open_beneath(struct hsm_conn *conn, const char *path, int flags)
{
	const struct file_remote *remote = (struct file_remote *)conn->remote;
	const struct open_how how = {
		.flags = flags | O_CLOEXEC | O_NOFOLLOW,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
			   RESOLVE_NO_MAGICLINKS,
	};
	HSM_CLOSE int root = open(remote->root,
				  O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd;

	conn->requests++;
	if (root < 0)
		return fail_errno(conn, "", errno);
	fd = syscall(SYS_openat2, root, *path ? path : ".", &how, sizeof(how));
	return fd < 0 ? fail_errno(conn, path, errno) : fd;
}

static struct hsm_version version_of(const struct stat *st)
{
	struct hsm_version version = {
		.size = S_ISREG(st->st_mode) ? st->st_size : HSM_SIZE_UNKNOWN,
		.mtime = st->st_mtim,
		.precision = HSM_PRECISION_NANO,
	};

	return version;
}

/* A file that is something else now is as gone as one without a name. */
static int open_file(struct hsm_conn *conn, const char *path, int flags,
		     struct hsm_version *version)
{
	HSM_CLOSE int fd = open_beneath(conn, path, flags);
	struct stat st;

	if (fd == -ENOTDIR)
		return -ENOENT;
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return fail_errno(conn, path, errno);
	if (!S_ISREG(st.st_mode))
		return hsm_conn_fail(conn, -ENOENT, "%s%s: not a regular file",
				     conn->remote->url, path);
	*version = version_of(&st);
	return hsm_steal_fd(&fd);
}

static const char *unwanted(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFIFO:
		return "a fifo";
	case S_IFSOCK:
		return "a socket";
	case S_IFCHR:
	case S_IFBLK:
		return "a device";
	default:
		return "of an unknown kind";
	}
}

static enum hsm_entry_type type_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return HSM_ENTRY_FILE;
	case S_IFDIR:
		return HSM_ENTRY_DIR;
	case S_IFLNK:
		return HSM_ENTRY_SYMLINK;
	default:
		return HSM_ENTRY_SKIPPED;
	}
}

static int report_skipped(const char *name, const char *why, hsm_entry_fn fn,
			  void *arg)
{
	const struct hsm_entry entry = {
		.name = name, .type = HSM_ENTRY_SKIPPED, .target = why
	};

	return fn(arg, &entry);
}

static int report(int dir, const char *name, hsm_entry_fn fn, void *arg)
{
	char target[PATH_MAX];
	struct hsm_entry entry = { .name = name };
	struct stat st;
	ssize_t len;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : report_skipped(name,
					strerror(errno), fn, arg);
	entry.type = type_of(st.st_mode);
	/* Set-id bits of another tree must not come to mean something here. */
	entry.mode = st.st_mode & 0777;
	entry.version = version_of(&st);
	if (entry.type == HSM_ENTRY_SKIPPED)
		return report_skipped(name, unwanted(st.st_mode), fn, arg);
	if (entry.type == HSM_ENTRY_SYMLINK) {
		len = readlinkat(dir, name, target, sizeof(target));
		if (len < 0 || len == sizeof(target))
			return report_skipped(name, "a link that cannot be read",
					      fn, arg);
		target[len] = '\0';
		entry.target = target;
	}
	return fn(arg, &entry);
}

static int file_list(struct hsm_conn *conn, const char *path, hsm_entry_fn fn,
		     void *arg)
{
	HSM_CLOSE int fd = open_beneath(conn, path, O_RDONLY | O_DIRECTORY);
	HSM_CLOSEDIR DIR *dir = NULL;
	struct dirent *entry;
	int error;

	if (fd < 0)
		return fd;
	dir = fdopendir(fd);
	if (!dir)
		return fail_errno(conn, path, errno);
	hsm_steal_fd(&fd);
	for (;;) {
		error = hsm_conn_check(conn);
		if (error)
			return error;
		entry = hsm_fd_entry(dir);
		if (!entry)
			return errno ? fail_errno(conn, path, errno) : 0;
		error = report(dirfd(dir), entry->d_name, fn, arg);
		if (error < 0)
			return hsm_conn_fail(conn, error, "%s%s: %s",
					     conn->remote->url, path,
					     strerror(-error));
	}
}

static int file_stat(struct hsm_conn *conn, const char *path,
		     struct hsm_version *now)
{
	int fd = open_file(conn, path, O_PATH, now);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

static int changed(struct hsm_conn *conn, const char *path)
{
	return hsm_conn_fail(conn, -ESTALE, "%s%s: has changed",
			     conn->remote->url, path);
}

static int file_stream_open(struct hsm_conn *base, const char *path,
			    const struct hsm_version *want, uint64_t off,
			    uint64_t len, struct hsm_version *now,
			    uint64_t *start)
{
	struct file_conn *conn = file_conn(base);
	/* O_NONBLOCK: should it be a fifo by now, nobody waits for a writer. */
	HSM_CLOSE int fd = open_file(base, path,
				     O_RDONLY | O_NOCTTY | O_NONBLOCK,
				     &conn->version);

	if (fd < 0)
		return fd;
	if (!hsm_version_same(want, &conn->version))
		return changed(base, path);
	conn->path = strdup(path);
	if (!conn->path)
		return hsm_conn_fail(base, -ENOMEM, "%s: no memory", path);
	conn->pos = off;
	conn->end = conn->version.size;
	if (len && off + len < conn->end)
		conn->end = off + len;
	conn->fd = hsm_steal_fd(&fd);
	*now = conn->version;
	*start = off;
	return 0;
}

static ssize_t file_stream_read(struct hsm_conn *base, void *buf, size_t len)
{
	struct file_conn *conn = file_conn(base);
	struct hsm_version now;
	struct stat st;
	ssize_t n;

	if (conn->pos >= conn->end)
		return 0;
	if (len > conn->end - conn->pos)
		len = conn->end - conn->pos;
	n = TEMP_FAILURE_RETRY(pread(conn->fd, buf, len, conn->pos));
	if (n < 0 || fstat(conn->fd, &st) < 0)
		return fail_errno(base, conn->path, errno);
	/* The kernel moves mtime before it copies: what was read is not newer. */
	now = version_of(&st);
	if (!n || !hsm_version_same(&conn->version, &now))
		return changed(base, conn->path);
	conn->pos += n;
	base->bytes += n;
	return n;
}

static void file_stream_close(struct hsm_conn *base)
{
	struct file_conn *conn = file_conn(base);

	close(conn->fd);
	conn->fd = -1;
	free(conn->path);
	conn->path = NULL;
}

const struct hsm_backend hsm_backend_file = {
	.open = file_open,
	.close = file_close,
	.conn_open = file_conn_open,
	.conn_close = file_conn_close,
	.list = file_list,
	.stat = file_stat,
	.stream_open = file_stream_open,
	.stream_read = file_stream_read,
	.stream_close = file_stream_close,
};
