/* SPDX-License-Identifier: GPL-2.0-or-later */
/* File names are bytes; these make them fit for a terminal or for JSON. */
#ifndef HSM_BASE_ESCAPE_H
#define HSM_BASE_ESCAPE_H

/*
 * For people: control characters and bytes that are not UTF-8 as \ooo.
 * The caller frees the result; NULL when there is no memory.
 */
char *hsm_escape_terminal(const char *bytes);

/*
 * A JSON string with its quotes.  Bytes that are not UTF-8 become \udc80 to
 * \udcff (as Python's surrogateescape has it), so that a reader can get the
 * name back.  The caller frees the result; NULL when there is no memory.
 */
char *hsm_escape_json(const char *bytes);

#endif
