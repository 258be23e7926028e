// SPDX-License-Identifier: GPL-2.0-or-later
#include "info.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "output.h"

struct flags {
	char plain[40];  /* pinned,stale */
	char quoted[48]; /* "pinned","stale" */
};

static void add(struct flags *flags, bool set, const char *name)
{
	const char *comma = flags->plain[0] ? "," : "";

	if (!set)
		return;
	sprintf(flags->plain + strlen(flags->plain), "%s%s", comma, name);
	sprintf(flags->quoted + strlen(flags->quoted), "%s\"%s\"", comma, name);
}

void cmd_info_print(const char *path, const struct hsm_file_info *info,
		    bool columns)
{
	const char *state = hsm_state_name(info->state);
	struct flags flags = { 0 };
	char before[128], members[192];

	add(&flags, info->pinned, "pinned");
	add(&flags, info->stale, "stale");
	add(&flags, info->busy, "busy");
	snprintf(before, sizeof(before),
		 "%s\t%s\t%" PRIu64 "\t%" PRIu64 "\t", state,
		 flags.plain[0] ? flags.plain : "-", info->resident,
		 info->size);
	snprintf(members, sizeof(members),
		 ",\"state\":\"%s\",\"flags\":[%s],\"resident\":%" PRIu64
		 ",\"size\":%" PRIu64, state, flags.quoted, info->resident,
		 info->size);
	cmd_output_path(columns ? before : "", path, members);
}
