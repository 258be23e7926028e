/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Triggers that are gone: whoever was just walking into one may still call. */
#ifndef HSM_NAMES_RETIRED_H
#define HSM_NAMES_RETIRED_H

#include "names/attendant.h"

/*
 * The trigger `device` of `directory`, below DIR (`at_home`) or elsewhere, was
 * taken away.  It is answered for until nobody is on his way into it.
 */
void hsm_retired_add(struct hsm_lazy *lazy, uint32_t device,
		     const struct hsm_handle *directory, bool at_home);

/* Let those go that nobody is in any more: now and then. */
void hsm_retired_sweep(struct hsm_lazy *lazy);

/* The directory of such a trigger, open, or -ENOENT. */
int hsm_retired_open(struct hsm_lazy *lazy, uint32_t device);
bool hsm_retired_has(struct hsm_lazy *lazy, uint32_t device);

#endif
