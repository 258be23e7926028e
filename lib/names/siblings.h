/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Listing ahead: somebody walks through the directories of a directory one
 * after the other (find, du, rsync), and the next ones are listed before he
 * comes there, many at a time.  They stay covered until he does.
 */
#ifndef HSM_NAMES_SIBLINGS_H
#define HSM_NAMES_SIBLINGS_H

#include "names/deep.h"

struct hsm_siblings;

/* NULL: no memory, no threads; then nothing is listed ahead. */
struct hsm_siblings *hsm_siblings_start(const struct hsm_deep *deep);

/* Somebody reads the directory `fd`.  Any thread.  Does not wait. */
void hsm_siblings_note(struct hsm_siblings *siblings, int fd);

#endif
