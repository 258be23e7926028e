// SPDX-License-Identifier: GPL-2.0-or-later
#include "finish.h"

#include "interrupt.h"
#include "message.h"
#include "output.h"
#include "progress.h"

int cmd_finish(int status)
{
	cmd_progress_end();
	cmd_output_close();
	if (cmd_interrupt_signal())
		return CMD_SIGNAL + cmd_interrupt_signal();
	return status ? status : cmd_message_status();
}
