/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The objects of an engine: files that are being filled, or were a moment ago.  With
 * the lock held unless it says otherwise.
 */
#ifndef HSM_ENGINE_OBJECT_H
#define HSM_ENGINE_OBJECT_H

#include "engine/engine.h"

/* The object of the file of `handle`, borrowed; NULL: there is none. */
struct hsm_object *hsm_object_find(struct hsm_engine *engine,
				   const struct hsm_handle *handle);

/*
 * The object of the file that `fd` is, made when there is none.  What the facts say
 * may be from the middle of a write of ours that is over by now: they are brought
 * up to date, when no write is under way.  -ENOMEM, -EFBIG, -errno.
 */
int hsm_object_of(struct hsm_engine *engine, const struct hsm_handle *handle,
		  int fd, struct hsm_facts *facts, struct hsm_object **out);
void hsm_object_get(struct hsm_engine *engine, struct hsm_object *object);
void hsm_object_put(struct hsm_engine *engine, struct hsm_object *object);
void hsm_object_free(struct hsm_engine *engine, struct hsm_object *object);

/* Take version and content from `facts`; the extents are read again later. */
int hsm_object_describe(struct hsm_object *object,
			const struct hsm_facts *facts);

/*
 * A copy of its origin, malloc'd, NULL without memory: the object may be described
 * anew at any time.  Called without the lock, takes it.
 */
char *hsm_object_origin(struct hsm_engine *engine,
			const struct hsm_object *object);

/* Read the extents.  Called without the lock, takes it. */
int hsm_object_load(struct hsm_engine *engine, struct hsm_object *object);

/* The first byte at or after `off` and before `end` that is missing, or `end`. */
uint64_t hsm_object_missing(const struct hsm_object *object, uint64_t off,
			    uint64_t end);
/* The first byte at or after `off` and before `end` that is here, or `end`. */
uint64_t hsm_object_present(const struct hsm_object *object, uint64_t off,
			    uint64_t end);
void hsm_object_filled(struct hsm_object *object, uint64_t off, uint64_t len);

#endif
