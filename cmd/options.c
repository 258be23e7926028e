// SPDX-License-Identifier: GPL-2.0-or-later
#include "options.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "finish.h"
#include "hsm.h"
#include "message.h"

struct cmd_options cmd_options = { .progress = -1 };

static int help, version;
static poptContext context;
static const char *usage;

struct poptOption cmd_options_common[] = {
	{ "null", '0', POPT_ARG_NONE, &cmd_options.null, 0,
	  "Paths end with a NUL byte, in the input and in the output", NULL },
	{ "json", 0, POPT_ARG_NONE, &cmd_options.json, 0,
	  "Print one JSON object per line", NULL },
	{ "dry-run", 'n', POPT_ARG_NONE, &cmd_options.dry_run, 0,
	  "Say what would be done and do nothing", NULL },
	{ "quiet", 'q', POPT_ARG_NONE, &cmd_options.quiet, 0,
	  "Print nothing to standard output", NULL },
	{ "verbose", 'v', POPT_ARG_NONE, &cmd_options.verbose, 0,
	  "Say more on standard error", NULL },
	{ "progress", 0, POPT_ARG_VAL, &cmd_options.progress, 1,
	  "Show progress (default: when standard error is a terminal)", NULL },
	{ "no-progress", 0, POPT_ARG_VAL, &cmd_options.progress, 0,
	  "Show no progress", NULL },
	{ "help", 'h', POPT_ARG_NONE, &help, 0, "Show this help", NULL },
	{ "version", 'V', POPT_ARG_NONE, &version, 0, "Show the version",
	  NULL },
	POPT_TABLEEND
};

/*
 * A descriptor that the caller closed must not become some other file of ours;
 * opened the wrong way round, using it still fails.
 */
static void fill_standard_descriptors(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 &&
		    open("/dev/null",
			 fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
			exit(CMD_FAILED);
}

/* popt takes the width of the terminal: print to memory, where it has 79. */
static void print_help(const char *summary)
{
	HSM_FREE char *text = NULL, *top = NULL;
	size_t size;
	FILE *memory = open_memstream(&text, &size);

	if (!memory || asprintf(&top, "%s\n\n%s", usage, summary) < 0)
		exit(CMD_FAILED);
	poptSetOtherOptionHelp(context, top);
	poptPrintHelp(context, memory, 0);
	fclose(memory);
	fputs(text, stdout);
}

const char *const *cmd_options_parse(int argc, const char **argv,
				     const struct poptOption *table,
				     const char *operands, const char *summary)
{
	static const char *const none[] = { NULL };
	const char **args;
	int rc;

	fill_standard_descriptors();
	/* Writing to a closed pipe is an error like any other. */
	signal(SIGPIPE, SIG_IGN);
	context = poptGetContext(NULL, argc, argv, table, 0);
	if (!context)
		exit(CMD_FAILED);
	usage = operands;
	rc = poptGetNextOpt(context);
	if (rc < -1)
		cmd_options_refuse("%s: %s",
				   poptBadOption(context,
						 POPT_BADOPTION_NOALIAS),
				   poptStrerror(rc));
	if (help)
		print_help(summary);
	else if (version)
		printf("%s %s\n", program_invocation_short_name, HSM_VERSION);
	if (help || version)
		exit(cmd_finish(0));
	args = poptGetArgs(context);
	return args ? args : none;
}

static void __attribute__((noreturn)) point_to_help(void)
{
	fprintf(stderr, "Try '%s --help' for more information.\n",
		program_invocation_short_name);
	exit(CMD_USAGE);
}

void cmd_options_refuse(const char *format, ...)
{
	HSM_FREE char *line = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&line, format, args) >= 0)
		cmd_message("%s", line);
	va_end(args);
	point_to_help();
}

void cmd_options_usage(void)
{
	fprintf(stderr, "Usage: %s %s\n", program_invocation_short_name, usage);
	point_to_help();
}

uint64_t cmd_options_size(const char *option, const char *text)
{
	uint64_t size;
	int rc = hsm_size_parse(text, &size);

	if (rc == -ERANGE)
		cmd_options_refuse("%s: %s: too large", option, text);
	if (rc < 0)
		cmd_options_refuse("%s: %s: not a size", option, text);
	return size;
}

unsigned int cmd_options_count(const char *option, const char *text,
			       unsigned int least)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (!isdigit((unsigned char)text[0]) || *end)
		cmd_options_refuse("%s: %s: not a number", option, text);
	if (errno || value > INT_MAX)
		cmd_options_refuse("%s: %s: too large", option, text);
	if (value < least)
		cmd_options_refuse("%s: %s: at least %u", option, text, least);
	return (unsigned int)value;
}
