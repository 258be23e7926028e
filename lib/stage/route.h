/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Walking the rest of somebody's path, one directory at a time, in the tree. */
#ifndef HSM_STAGE_ROUTE_H
#define HSM_STAGE_ROUTE_H

#include <limits.h>
#include <stdbool.h>

struct hsm_route {
	char rest[PATH_MAX];     /* what is not walked yet */
	char name[NAME_MAX + 1]; /* of the directory walked into last */
	unsigned int links;      /* symbolic links so far */
	bool enters;             /* into the last component, too */
};

/* Begin with `path`; false: too long. */
bool hsm_route_begin(struct hsm_route *route, const char *path, bool enters);

/*
 * Walk into the next directory, from the directory `*at`, which is closed and
 * replaced.  Relative links are followed, `..` is not.  False: the route ends
 * here, at something that is no directory or that is only looked at.
 */
bool hsm_route_next(struct hsm_route *route, int *at);

/*
 * Walk `path` from `base` until it comes by the directory `fd`: true, and
 * `route` has the rest.
 */
bool hsm_route_through(struct hsm_route *route, int base, const char *path,
		       bool enters, int fd);

#endif
