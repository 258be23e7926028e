/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The worker: a process that does all that a server does, and may die of it. */
#ifndef HSM_SERVER_WORKER_H
#define HSM_SERVER_WORKER_H

#include "engine/service.h"

/* The worker's whole life; the exit status is of no interest. */
void hsm_worker_main(struct hsm_service *service);

#endif
