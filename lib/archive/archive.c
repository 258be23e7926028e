// SPDX-License-Identifier: GPL-2.0-or-later
/* A list as an archive: --archive of hsm-checkpoint. */
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "archive/archive.h"
#include "archive/member.h"
#include "archive/plan.h"
#include "base/cleanup.h"
#include "failure.h"

int hsm_archive_fail(struct hsm_archive *archive, const char *path, int error)
{
	return hsm_failure_set(archive->failure, error, "%s/%s: %s",
			       archive->name, path, strerror(-error));
}

int hsm_archive_fail_self(struct hsm_archive *archive)
{
	int error = archive_errno(archive->to);
	const char *why = archive_error_string(archive->to);

	error = error > 0 ? error : EIO;
	return hsm_failure_set(archive->failure, -error,
			       "%s: cannot be written: %s: %s", archive->file,
			       why ? why : "archive", strerror(error));
}

static int no_filter(struct archive *archive)
{
	(void)archive;
	return ARCHIVE_OK;
}

static const struct {
	const char *end;
	int (*filter)(struct archive *archive);
} forms[] = {
	{ ".tar", no_filter },
	{ ".tar.gz", archive_write_add_filter_gzip },
	{ ".tgz", archive_write_add_filter_gzip },
	{ ".tar.bz2", archive_write_add_filter_bzip2 },
	{ ".tar.xz", archive_write_add_filter_xz },
	{ ".txz", archive_write_add_filter_xz },
	{ ".tar.zst", archive_write_add_filter_zstd },
	{ ".tzst", archive_write_add_filter_zstd },
	{ ".tar.lz4", archive_write_add_filter_lz4 },
};

/* The row of `file`; -1: none. */
static int form_of(const char *file)
{
	size_t len = strlen(file), i;

	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		size_t end = strlen(forms[i].end);

		if (len > end && file[len - end - 1] != '/' &&
		    !strcmp(file + len - end, forms[i].end))
			return (int)i;
	}
	return -1;
}

bool hsm_archive_known(const char *file)
{
	return form_of(file) >= 0;
}

static int begin(struct hsm_archive *archive, const char *file, int fd)
{
	struct stat st;

	archive->to = archive_write_new();
	archive->links = archive_entry_linkresolver_new();
	archive->buffer = malloc(HSM_ARCHIVE_BUFFER);
	archive->zeros = mmap(NULL, HSM_ARCHIVE_ZEROS, PROT_READ,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (!archive->to || !archive->links || !archive->buffer ||
	    archive->zeros == MAP_FAILED)
		return hsm_failure_set_errno(archive->failure, -ENOMEM, file);
	archive_entry_linkresolver_set_strategy(archive->links,
						ARCHIVE_FORMAT_TAR);
	/* GNU tar knows the other form of xattrs not, and says so. */
	if (archive_write_set_format_pax(archive->to) < ARCHIVE_OK ||
	    archive_write_set_options(archive->to,
				      "pax:xattrheader=SCHILY") < ARCHIVE_OK ||
	    forms[form_of(file)].filter(archive->to) < ARCHIVE_OK ||
	    archive_write_open_fd(archive->to, fd) < ARCHIVE_OK)
		return hsm_archive_fail_self(archive);
	if (fstat(fd, &st) < 0)
		return hsm_failure_set_errno(archive->failure, -errno, file);
	archive->dev = st.st_dev;
	archive->ino = st.st_ino;
	return 0;
}

static bool is_below(const char *path, const char *above)
{
	size_t len = strlen(above);

	return !strcmp(above, ".") ||
	       (!strncmp(path, above, len) && path[len] == '/');
}

/*
 * A directory once more behind all that is below it: bsdtar sets the time of one
 * that is there already at once, and what comes in then moves it.
 */
static int write_items(struct hsm_archive *archive,
		       const struct hsm_archive_plan *plan)
{
	HSM_FREE size_t *open = calloc(plan->count + 1, sizeof(*open));
	size_t i, depth = 0;
	int ret = open ? 0 : -ENOMEM;

	for (i = 0; !ret && i <= plan->count; i++) {
		const char *path = i < plan->count ? plan->items[i].path : NULL;

		while (!ret && depth && (!path ||
		       !is_below(path, plan->items[open[depth - 1]].path))) {
			size_t last = open[--depth];

			if (last + 1 < i)
				ret = hsm_archive_add(archive,
						      &plan->items[last]);
		}
		if (ret < 0 || !path)
			return ret;
		ret = hsm_archive_add(archive, &plan->items[i]);
		if (plan->items[i].directory)
			open[depth++] = i;
	}
	return ret;
}

static int write_all(struct hsm_archive *archive, struct hsm_changes *changes)
{
	struct hsm_archive_plan plan;
	int ret = hsm_archive_plan_make(&plan, changes);

	if (ret < 0)
		hsm_failure_set_errno(archive->failure, ret, archive->name);
	else
		ret = hsm_archive_add_text(archive, HSM_ARCHIVE_DELETED,
					   plan.deleted, plan.deleted_len);
	if (!ret)
		ret = write_items(archive, &plan);
	hsm_archive_plan_free(&plan);
	return ret;
}

static void end(struct hsm_archive *archive)
{
	if (archive->to)
		archive_write_free(archive->to);
	archive_entry_linkresolver_free(archive->links);
	free(archive->buffer);
	if (archive->zeros != MAP_FAILED)
		munmap((void *)(uintptr_t)archive->zeros, HSM_ARCHIVE_ZEROS);
	hsm_session_free(archive->session);
}

/* Give the complete file its name.  Durable. */
static int publish(const char *from, const char *file, int fd)
{
	HSM_FREE char *dir = strdup(file);
	HSM_CLOSE int above = -1;
	char *slash;

	if (!dir)
		return -ENOMEM;
	slash = strrchr(dir, '/');
	if (slash)
		slash[slash == dir] = '\0';
	if (fsync(fd) < 0)
		return -errno;
	above = open(slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (above < 0 || rename(from, file) < 0)
		return -errno;
	return fsync(above) < 0 ? -errno : 0;
}

static int write_file(struct hsm_archive *archive, struct hsm_changes *changes,
		      const char *file)
{
	HSM_FREE char *beside = NULL;
	HSM_CLOSE int fd = -1;
	int ret;

	if (asprintf(&beside, "%s.XXXXXX", file) < 0) {
		beside = NULL;
		return hsm_failure_set_errno(archive->failure, -ENOMEM, file);
	}
	fd = mkostemp(beside, O_CLOEXEC);
	if (fd < 0)
		return hsm_failure_set_errno(archive->failure, -errno, file);
	ret = begin(archive, file, fd);
	if (!ret)
		ret = write_all(archive, changes);
	if (!ret && archive_write_close(archive->to) < ARCHIVE_OK)
		ret = hsm_archive_fail_self(archive);
	if (!ret) {
		ret = publish(beside, file, fd);
		if (ret < 0)
			hsm_failure_set_errno(archive->failure, ret, file);
	}
	if (ret < 0)
		unlink(beside);
	return ret;
}

int hsm_changes_archive(struct hsm_changes *changes, const char *dir,
			const char *file, const struct hsm_log *log,
			struct hsm_failure *failure)
{
	struct hsm_archive archive = {
		.name = dir, .file = file, .dir = changes->dir, .log = log,
		.zeros = MAP_FAILED, .failure = failure,
	};
	/* What is UTF-8 goes as such into the archive, whatever we are told. */
	locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	locale_t before = (locale_t)0;
	int ret;

	*failure = (struct hsm_failure){ 0 };
	if (form_of(file) < 0)
		return hsm_failure_set_errno(failure, -EINVAL, file);
	if (utf8)
		before = uselocale(utf8);
	ret = hsm_session_new(&archive.session, log);
	if (ret < 0)
		hsm_failure_set_errno(failure, ret, file);
	else
		ret = write_file(&archive, changes, file);
	end(&archive);
	if (utf8) {
		uselocale(before);
		freelocale(utf8);
	}
	return ret;
}
