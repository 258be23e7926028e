/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loop devices over placeholders.
 *
 * A loop device reads and writes its file inside the kernel, without events.
 * Whoever sets one up opens the file for reading and writing, which fills it
 * (see decide.h), or is known by name or by its descriptors.  What is left is a
 * read-only setup by a stranger: the kernel's uevent tells of it afterwards,
 * and the file is filled then, which is late and is logged.
 * Permission events on device nodes would be earlier; Linux 6.18 raises none on
 * special files (measured).
 *
 * A file that a loop device may write counts as dirty from then on.
 */
#ifndef HSM_SERVER_LOOPS_H
#define HSM_SERVER_LOOPS_H

#include "engine/engine.h"

/* Listen to uevents until the process ends: a thread's body. */
void *hsm_loops_watch(void *engine);

#endif
