/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What one listing brings: placeholders as the entries arrive, and at its end what
 * is gone.
 */
#ifndef HSM_NAMES_INTAKE_H
#define HSM_NAMES_INTAKE_H

#include "names/run.h"

/*
 * List the directory `dir` (borrowed) with `conn`.  What is below it goes on the
 * agenda.  A failure of its own is counted, or ends a shallow run; any other ends
 * the run.
 */
void hsm_intake_directory(struct hsm_run *run, struct hsm_conn *conn,
			  const struct hsm_agenda_dir *dir);

#endif
