/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * After a server: whoever still has the tree open or mounted (a working
 * directory, an open file, a bind mount, another namespace) gets EIO for what
 * is not here.  Closing the group would give them zeros.
 */
#ifndef HSM_SERVER_DENY_H
#define HSM_SERVER_DENY_H

#include "engine/service.h"

/*
 * Answer everyone who waits, then, while the tree is in use, leave a process
 * behind that answers for it until nobody has it any more or a new server has
 * taken its place.  Closes the groups in this process.
 */
void hsm_deny_rest(struct hsm_service *service);

/*
 * Answer everyone who waits now: EIO for what is not here.  Only while no worker
 * runs.
 */
void hsm_deny_waiting(struct hsm_service *service);

/* A new server of the store `id` hears everything: end the one left behind. */
void hsm_deny_end(uint64_t id);

#endif
