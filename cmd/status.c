// SPDX-License-Identifier: GPL-2.0-or-later
#include "status.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "message.h"
#include "options.h"
#include "output.h"

#define FIGURE(name) { #name, offsetof(struct hsm_serve_status, name) }

static const struct figure {
	const char *name;
	size_t offset;
} figures[] = {
	FIGURE(uptime_s),
	FIGURE(offline),
	FIGURE(partial),
	FIGURE(online),
	FIGURE(dirty),
	FIGURE(local),
	FIGURE(lost),
	FIGURE(pinned),
	FIGURE(stale),
	FIGURE(bytes_resident),
	FIGURE(bytes_total),
	FIGURE(fills),
	FIGURE(bytes_fetched),
	FIGURE(requests),
	FIGURE(errors),
	FIGURE(waiting),
	FIGURE(skipped),
	FIGURE(triggers),
	FIGURE(triggers_elsewhere),
	FIGURE(worker_restarts),
	FIGURE(guard_pid),
	FIGURE(worker_pid),
};

/* All are 64 bits wide; the pids are small. */
static uint64_t value(const struct hsm_serve_status *status,
		      const struct figure *figure)
{
	return *(const uint64_t *)((const char *)status + figure->offset);
}

static void print_json(const char *dir, const struct hsm_serve_status *status)
{
	HSM_FREE char *url = hsm_escape_json(status->url), *members = NULL;
	size_t size;
	FILE *out = url ? open_memstream(&members, &size) : NULL;

	if (!out)
		return cmd_message_fail(dir, NULL, ENOMEM);
	fprintf(out, ",\"url\":%s,\"running\":%s,\"stale_mount\":%s", url,
		status->running ? "true" : "false",
		status->stale_mount ? "true" : "false");
	for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++)
		fprintf(out, ",\"%s\":%" PRIu64, figures[i].name,
			value(status, &figures[i]));
	fclose(out);
	cmd_output_path("", dir, members);
}

static const char *server(const struct hsm_serve_status *status)
{
	if (status->running)
		return "server\trunning";
	return status->stale_mount ? "server\tkilled" : "server\tstopped";
}

static void print_lines(const char *dir, const struct hsm_serve_status *status)
{
	char line[sizeof(status->url) + 8];

	cmd_output_path("path\t", dir, "");
	snprintf(line, sizeof(line), "url\t%s", status->url);
	cmd_output_line(line);
	cmd_output_line(server(status));
	for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++) {
		snprintf(line, sizeof(line), "%s\t%" PRIu64, figures[i].name,
			 value(status, &figures[i]));
		cmd_output_line(line);
	}
}

void cmd_status_print(const char *dir, const struct hsm_serve_status *status)
{
	if (cmd_options.json)
		print_json(dir, status);
	else
		print_lines(dir, status);
}
