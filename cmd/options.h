/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The options that all commands have, and how option values are read. */
#ifndef CMD_OPTIONS_H
#define CMD_OPTIONS_H

#include <popt.h>
#include <stdint.h>

struct cmd_options {
	int quiet;
	int verbose;
	int dry_run;
	int null;
	int json;
	int progress; /* 1 yes, 0 no, -1 when stderr is a terminal */
};

/* What the command line said; set by cmd_options_parse(), read by all. */
extern struct cmd_options cmd_options;

/* Ends the table of a command: the rows that all commands share. */
extern struct poptOption cmd_options_common[];
#define CMD_OPTIONS_COMMON                                                  \
	{ NULL, 0, POPT_ARG_INCLUDE_TABLE, cmd_options_common, 0,           \
	  "Common options:", NULL },                                        \
	POPT_TABLEEND

/*
 * Read the command line into `table` and cmd_options; `operands` is what the
 * usage line shows after the program, `summary` says in --help what it is for.
 * Both must stay.  Does --help and --version and exits, or
 * exits with 2 when the command line is wrong.  Returns the operands,
 * NULL-terminated, never NULL; they live as long as the process.
 */
const char *const *cmd_options_parse(int argc, const char **argv,
				     const struct poptOption *table,
				     const char *operands,
				     const char *summary);

/* Say what is wrong with the command line, point to --help and exit with 2. */
void cmd_options_refuse(const char *format, ...)
	__attribute__((format(printf, 1, 2), noreturn));

/* Print the usage line to stderr and exit with 2. */
void cmd_options_usage(void) __attribute__((noreturn));

/* The value of `option`, or exit with 2 when it is none. */
uint64_t cmd_options_size(const char *option, const char *text);
unsigned int cmd_options_count(const char *option, const char *text,
			       unsigned int least);

#endif
