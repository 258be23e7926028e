/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A tree that is served before all of it is listed: whoever walks into a
 * directory that is not waits at its trigger until it is.
 */
#ifndef HSM_NAMES_LAZY_H
#define HSM_NAMES_LAZY_H

#include "engine/service.h"

/*
 * In the guard, before DIR shows the tree: put triggers into the detached mount
 * `door` (its root, not O_PATH) for what is not listed.
 */
int hsm_lazy_cover(struct hsm_service *service, int door);

/*
 * In the worker: answer whoever waits, those of a worker before included.
 * `engine` is borrowed until the process ends.
 */
int hsm_lazy_start(struct hsm_service *service, struct hsm_engine *engine);

/*
 * Between two workers: set the bits of all descriptors that answer for triggers
 * in `keep`, and put a call that was read into its slot.
 */
void hsm_lazy_recover(struct hsm_shared *shared);

/* Refuse, with EIO, everyone who waits.  Only while no worker runs. */
void hsm_lazy_refuse(const struct hsm_service *service);

#endif
