/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `hsm-serve --status` prints. */
#ifndef CMD_STATUS_H
#define CMD_STATUS_H

#include "hsm.h"

/* Lines `name<TAB>value`, or with --json one object. */
void cmd_status_print(const char *dir, const struct hsm_serve_status *status);

#endif
