// SPDX-License-Identifier: GPL-2.0-or-later
#include "journal/stamp.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"

#ifndef STATX_MNT_ID_UNIQUE
#define STATX_MNT_ID_UNIQUE 0x4000U
#endif

#define SECOND_NS INT64_C(1000000000)

static int64_t clock_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return t.tv_sec * SECOND_NS + t.tv_nsec;
}

void hsm_stamp_touch(struct hsm_stamp *stamp)
{
	stamp->real_ns = clock_ns(CLOCK_REALTIME);
	stamp->boot_ns = clock_ns(CLOCK_BOOTTIME);
}

int hsm_stamp_take(struct hsm_stamp *stamp, int fd)
{
	HSM_CLOSE int boot = open("/proc/sys/kernel/random/boot_id",
				  O_RDONLY | O_CLOEXEC);
	struct statx st;
	ssize_t len;

	memset(stamp, 0, sizeof(*stamp));
	hsm_stamp_touch(stamp);
	if (boot < 0 || statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID_UNIQUE, &st) < 0)
		return -errno;
	if (!(st.stx_mask & STATX_MNT_ID_UNIQUE))
		return -EOPNOTSUPP;
	stamp->mount = st.stx_mnt_id;
	len = read(boot, stamp->boot, 36);
	return len == 36 ? 0 : -EIO;
}

void hsm_stamp_print(const struct hsm_stamp *stamp, char text[HSM_STAMP_TEXT])
{
	text[0] = '\0';
	if (stamp->boot[0])
		snprintf(text, HSM_STAMP_TEXT,
			 "%s %" PRIu64 " %" PRId64 " %" PRId64, stamp->boot,
			 stamp->mount, stamp->real_ns, stamp->boot_ns);
}

int hsm_stamp_parse(struct hsm_stamp *stamp, const char *text)
{
	memset(stamp, 0, sizeof(*stamp));
	if (sscanf(text, "%36s %" SCNu64 " %" SCNd64 " %" SCNd64, stamp->boot,
		   &stamp->mount, &stamp->real_ns, &stamp->boot_ns) == 4)
		return 0;
	memset(stamp, 0, sizeof(*stamp));
	return -EBADMSG;
}

bool hsm_stamp_same_life(const struct hsm_stamp *then,
			 const struct hsm_stamp *now)
{
	return then->boot[0] && !strcmp(then->boot, now->boot) &&
	       then->mount == now->mount;
}

bool hsm_stamp_set_back(const struct hsm_stamp *then,
			const struct hsm_stamp *now)
{
	int64_t passed = now->real_ns - then->real_ns;

	if (strcmp(then->boot, now->boot))
		return passed < 0;
	/* A clock that is slewed is monotonic; a second is within the margins
	 * of a sweep. */
	return passed < now->boot_ns - then->boot_ns - SECOND_NS;
}
