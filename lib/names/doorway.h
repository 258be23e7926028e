/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is done to doors, one by one or all, whoever walks through them. */
#ifndef HSM_NAMES_DOORWAY_H
#define HSM_NAMES_DOORWAY_H

#include "names/attendant.h"

/* Whether the door is one of DIR itself, in the server's own namespace. */
bool hsm_doorway_is_home(const struct hsm_lazy *lazy,
			 const struct hsm_door *door);

/* A trigger was taken away, below DIR (`at_home`) or elsewhere: count it. */
void hsm_doorway_gone(struct hsm_lazy *lazy, bool at_home);

/* The directory below the door's trigger, in the mount without triggers. */
int hsm_doorway_covered(const struct hsm_lazy *lazy,
			const struct hsm_door *door);

/*
 * Who changed the owner or permissions of a directory that was not listed has
 * changed its trigger's: they become those of the directory `fd`.  What was
 * changed at the directory itself wins.
 */
void hsm_doorway_take_looks(struct hsm_lazy *lazy,
			    const struct hsm_door *door, int fd);

/*
 * Open all doors of the server's own namespace below which everything is listed;
 * with `lists`, list it first.  In a thread with a working directory of its own.
 * 0, or the last failure.
 */
int hsm_doorway_open_all(struct hsm_lazy *lazy, bool lists);

#endif
