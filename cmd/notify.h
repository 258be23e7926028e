/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sd_notify(3) without the library. */
#ifndef CMD_NOTIFY_H
#define CMD_NOTIFY_H

/* Send `state` ("READY=1") to $NOTIFY_SOCKET, if there is one. */
void cmd_notify(const char *state);

#endif
