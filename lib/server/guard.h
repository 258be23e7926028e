/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guard: see service.h for the processes of a server. */
#ifndef HSM_SERVER_GUARD_H
#define HSM_SERVER_GUARD_H

#include "engine/service.h"

/* The guard's: returns when DIR is unmounted and nobody waits any more. */
int hsm_guard_run(struct hsm_service *service);

#endif
