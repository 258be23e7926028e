/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the library's messages go.  The library never prints: whoever calls it
 * gives a function, and that function decides.
 *
 * Threads: `fn` is called from any thread, several at a time.
 */
#ifndef HSM_BASE_LOG_H
#define HSM_BASE_LOG_H

enum hsm_log_level {
	HSM_LOG_ERROR,   /* something failed that a person must see */
	HSM_LOG_WARNING, /* something was left out or tried again */
	HSM_LOG_INFO,    /* the few lines that say what a server does */
	HSM_LOG_DEBUG,
};

struct hsm_log {
	/* `line` has no newline and may hold raw file names: escape to print. */
	void (*fn)(void *arg, enum hsm_log_level level, const char *line);
	void *arg;
	enum hsm_log_level level; /* nothing above it is formatted */
};

/* Format one line and give it to `log`; a NULL `log` is silence.  Keeps errno. */
void hsm_log(const struct hsm_log *log, enum hsm_log_level level,
	     const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
