// SPDX-License-Identifier: GPL-2.0-or-later
#include "changes.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "message.h"
#include "options.h"
#include "output.h"

static void print_object(const char *op, const char *path, const char *from)
{
	HSM_FREE char *shown = hsm_escape_json(path);
	HSM_FREE char *old = from ? hsm_escape_json(from) : NULL;
	HSM_FREE char *line = NULL;

	if (!shown || (from && !old) ||
	    asprintf(&line, "{\"op\":\"%s\",\"path\":%s%s%s}", op, shown,
		     old ? ",\"from\":" : "", old ? old : "") < 0) {
		line = NULL;
		cmd_message_fail(path, "out of memory", 0);
		return;
	}
	cmd_output_line(line);
}

static void print_objects(const struct hsm_change *change)
{
	const char *path = change->path;

	if (!change->exists) {
		if (!change->moved)
			print_object("delete", path, NULL);
		return;
	}
	if (change->renamed)
		print_object("rename", path, change->from);
	if (change->created) {
		print_object("create", path, NULL);
		return;
	}
	/* Gone for a while, and here again: who knows as what. */
	if (change->modified || (!change->renamed && !change->attributes))
		print_object("modify", path, NULL);
	if (change->attributes)
		print_object("attrib", path, NULL);
}

static void print_path(const struct hsm_change *change)
{
	HSM_FREE char *clear = NULL;

	/*
	 * "rescan ." is also a name that a file can have; rsync takes '#' and
	 * ';' for comments, and a '-' begins an option.
	 */
	if ((strchr("#;-", change->path[0]) ||
	     !strncmp(change->path, "rescan ", 7)) &&
	    asprintf(&clear, "./%s", change->path) < 0) {
		clear = NULL;
		cmd_message_fail(change->path, "out of memory", 0);
		return;
	}
	cmd_output_path("", clear ? clear : change->path, "");
}

static bool wanted(const struct cmd_changes_form *form,
		   const struct hsm_change *change)
{
	return change->exists ? form->changed : form->deleted;
}

static bool has_newline(struct hsm_changes *changes,
			const struct cmd_changes_form *form)
{
	struct hsm_change change;
	bool found = false;

	while (!found && hsm_changes_next(changes, &change) == 1)
		found = wanted(form, &change) && strchr(change.path, '\n');
	hsm_changes_rewind(changes);
	return found;
}

static void print_rescan(const char *dir)
{
	if (cmd_options.json)
		print_object("rescan", ".", NULL);
	else
		cmd_output_line("rescan .");
	cmd_message_fail(dir, "the history is not complete: look at everything",
			 0);
}

void cmd_changes_print(struct hsm_changes *changes,
		       const struct cmd_changes_form *form, const char *dir)
{
	struct hsm_change change;

	if (form->parts ? hsm_changes_rescan_all(changes) :
			  hsm_changes_rescan(changes)) {
		print_rescan(dir);
		return;
	}
	if (!cmd_options.json && !cmd_options.null &&
	    has_newline(changes, form)) {
		cmd_message_fail(dir, "a name has a newline: use -0 (the list "
				 "is kept: --since)", 0);
		return;
	}
	while (!cmd_output_broken() && hsm_changes_next(changes, &change) == 1) {
		if (cmd_options.json && change.replaced && form->deleted)
			print_object("delete", change.path, NULL);
		if (change.rescan)
			print_object("rescan", change.path, NULL);
		if (!wanted(form, &change))
			continue;
		if (cmd_options.json)
			print_objects(&change);
		else
			print_path(&change);
	}
}
