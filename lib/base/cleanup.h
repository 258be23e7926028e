/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Scope-bound ownership: a variable with one of these attributes is released
 * when its scope ends, so every early return is right.  `hsm_steal_*` gives
 * the value away and leaves nothing behind.
 */
#ifndef HSM_BASE_CLEANUP_H
#define HSM_BASE_CLEANUP_H

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void hsm_cleanup_free(void *p)
{
	free(*(void **)p);
}

/* errno survives: a scope may end between a failed call and its caller. */
static inline void hsm_cleanup_close(int *fd)
{
	if (*fd >= 0) {
		int saved = errno;

		close(*fd);
		errno = saved;
	}
}

static inline void hsm_cleanup_closedir(DIR **dir)
{
	if (*dir) {
		int saved = errno;

		closedir(*dir);
		errno = saved;
	}
}

static inline void hsm_cleanup_fclose(FILE **file)
{
	if (*file) {
		int saved = errno;

		fclose(*file);
		errno = saved;
	}
}

#define HSM_FREE __attribute__((cleanup(hsm_cleanup_free)))
#define HSM_CLOSE __attribute__((cleanup(hsm_cleanup_close)))
#define HSM_CLOSEDIR __attribute__((cleanup(hsm_cleanup_closedir)))
#define HSM_FCLOSE __attribute__((cleanup(hsm_cleanup_fclose)))

static inline int hsm_steal_fd(int *fd)
{
	int value = *fd;

	*fd = -1;
	return value;
}

static inline void *hsm_steal_pointer_(void *p)
{
	void **pp = p;
	void *value = *pp;

	*pp = NULL;
	return value;
}

#define hsm_steal_pointer(p) ((__typeof__(*(p)))hsm_steal_pointer_(p))

#endif
