// SPDX-License-Identifier: GPL-2.0-or-later
#include "local/mark.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/xattr.h>

#include "base/cleanup.h"

static const char mark_name[] = "trusted.hsm";

static const struct {
	enum hsm_flag flag;
	const char *name;
} flags_by_name[] = {
	{ HSM_FLAG_DIRTY, "trusted.hsm.dirty" },
	{ HSM_FLAG_WHOLE, "trusted.hsm.whole" },
	{ HSM_FLAG_PIN, "trusted.hsm.pin" },
	{ HSM_FLAG_STALE, "trusted.hsm.stale" },
	{ HSM_FLAG_LOST, "trusted.hsm.lost" },
	{ HSM_FLAG_EVICT, "trusted.hsm.evict" },
	{ HSM_FLAG_FULL, "trusted.hsm.full" },
	{ HSM_FLAG_STREAM, "trusted.hsm.stream" },
	{ HSM_FLAG_UNLISTED, "trusted.hsm.unlisted" },
	{ HSM_FLAG_BELOW, "trusted.hsm.below" },
	{ HSM_FLAG_CHANGED, "trusted.hsm.changed" },
	{ HSM_FLAG_EMPTY, "trusted.hsm.empty" },
};

#define FLAGS (sizeof(flags_by_name) / sizeof(flags_by_name[0]))

/*
 * On disk: format, precision, store id, then size, mtime and ETag length as
 * variable-length numbers, the ETag, and the origin to the end.  Compact,
 * because a value of up to about 68 bytes lies within the inode on ext4 with
 * 256-byte inodes and costs no block of its own.
 */
enum { FORMAT = 1 };

static uint8_t *put_number(uint8_t *p, uint64_t value)
{
	while (value >= 0x80) {
		*p++ = (uint8_t)(value | 0x80);
		value >>= 7;
	}
	*p++ = (uint8_t)value;
	return p;
}

/* NULL when the number does not end before `end` or does not fit. */
static const uint8_t *get_number(const uint8_t *p, const uint8_t *end,
				 uint64_t *value)
{
	unsigned int shift;

	*value = 0;
	for (shift = 0; p && p < end && shift < 64; shift += 7) {
		if (shift == 63 && *p > 1)
			return NULL;
		*value |= (uint64_t)(*p & 0x7f) << shift;
		if (!(*p++ & 0x80))
			return p;
	}
	return NULL;
}

int hsm_mark_encode(const struct hsm_mark *mark, uint8_t *buf)
{
	size_t etag = strlen(mark->version.etag);
	size_t origin = strlen(mark->origin);
	int64_t sec = mark->version.mtime.tv_sec;
	uint8_t *p = buf;

	if (64 + etag + origin > HSM_MARK_MAX)
		return -E2BIG;
	*p++ = FORMAT;
	*p++ = (uint8_t)mark->version.precision;
	memcpy(p, &mark->store, sizeof(mark->store));
	p += sizeof(mark->store);
	p = put_number(p, (uint64_t)mark->version.size);
	/* Zigzag: times before 1970 stay short. */
	p = put_number(p, ((uint64_t)sec << 1) ^ (uint64_t)(sec >> 63));
	p = put_number(p, (uint64_t)mark->version.mtime.tv_nsec);
	p = put_number(p, etag);
	memcpy(p, mark->version.etag, etag);
	p += etag;
	memcpy(p, mark->origin, origin);
	p += origin;
	return (int)(p - buf);
}

int hsm_mark_decode(struct hsm_mark *mark, const uint8_t *buf, unsigned int len)
{
	const uint8_t *p = buf, *end = buf + len;
	uint64_t size, sec, nsec, etag;

	memset(mark, 0, offsetof(struct hsm_mark, origin) + 1);
	if (len < 2 + sizeof(mark->store) || p[0] != FORMAT ||
	    p[1] > HSM_PRECISION_NANO)
		return -EBADMSG;
	mark->version.precision = p[1];
	memcpy(&mark->store, p + 2, sizeof(mark->store));
	p += 2 + sizeof(mark->store);
	p = get_number(p, end, &size);
	p = get_number(p, end, &sec);
	p = get_number(p, end, &nsec);
	p = get_number(p, end, &etag);
	if (!p || size > INT64_MAX || nsec > 999999999 ||
	    etag >= HSM_ETAG_MAX || etag > (uint64_t)(end - p))
		return -EBADMSG;
	mark->version.size = (int64_t)size;
	mark->version.mtime.tv_sec = (int64_t)(sec >> 1) ^ -(int64_t)(sec & 1);
	mark->version.mtime.tv_nsec = (long)nsec;
	memcpy(mark->version.etag, p, etag);
	p += etag;
	if ((size_t)(end - p) >= sizeof(mark->origin) ||
	    memchr(buf + (p - buf), '\0', (size_t)(end - p)) ||
	    strlen(mark->version.etag) != etag)
		return -EBADMSG;
	memcpy(mark->origin, p, (size_t)(end - p));
	mark->origin[end - p] = '\0';
	return 0;
}

static unsigned int flag_of(const char *name)
{
	size_t i;

	for (i = 0; i < FLAGS; i++)
		if (strcmp(name, flags_by_name[i].name) == 0)
			return flags_by_name[i].flag;
	return 0;
}

int hsm_mark_read(int fd, struct hsm_mark *mark, unsigned int *flags)
{
	char small[1024];
	HSM_FREE char *large = NULL;
	char *names = small, *name;
	ssize_t len = flistxattr(fd, small, sizeof(small));
	uint8_t value[HSM_MARK_MAX];
	bool marked = false;

	*flags = 0;
	if (len < 0 && errno == ERANGE) {
		/* XATTR_LIST_MAX: no list is longer. */
		names = large = malloc(65536);
		if (!large)
			return -ENOMEM;
		len = flistxattr(fd, large, 65536);
	}
	if (len < 0)
		return errno == EOPNOTSUPP ? -ENODATA : -errno;
	for (name = names; name < names + len; name += strlen(name) + 1) {
		if (strncmp(name, mark_name, sizeof(mark_name) - 1))
			continue;
		if (!name[sizeof(mark_name) - 1])
			marked = true;
		else
			*flags |= flag_of(name);
	}
	if (!marked)
		return -ENODATA;
	if (!mark)
		return 0;
	len = fgetxattr(fd, mark_name, value, sizeof(value));
	if (len < 0)
		return errno == ERANGE ? -EBADMSG : -errno;
	return hsm_mark_decode(mark, value, (unsigned int)len);
}

int hsm_mark_write(int fd, const struct hsm_mark *mark)
{
	uint8_t value[HSM_MARK_MAX];
	int len = hsm_mark_encode(mark, value);

	if (len < 0)
		return len;
	return fsetxattr(fd, mark_name, value, (size_t)len, 0) < 0 ? -errno : 0;
}

static const char *name_of(enum hsm_flag flag)
{
	size_t i;

	for (i = 0; i < FLAGS - 1; i++)
		if (flags_by_name[i].flag == flag)
			break;
	return flags_by_name[i].name;
}

int hsm_mark_set(int fd, enum hsm_flag flag)
{
	return fsetxattr(fd, name_of(flag), "", 0, 0) < 0 ? -errno : 0;
}

int hsm_mark_clear(int fd, enum hsm_flag flag)
{
	if (fremovexattr(fd, name_of(flag)) < 0 && errno != ENODATA)
		return -errno;
	return 0;
}

struct timespec hsm_mark_mtime(const struct hsm_mark *mark)
{
	return mark->version.mtime;
}
