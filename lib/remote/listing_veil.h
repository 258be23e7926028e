/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bytes in no known charset on their way through an HTML parser.
 *
 * A page's charset is unknown or wrong, and file names have none; yet names must
 * come out byte for byte, and a parser works on characters and drops some.  So
 * each byte that is not printable ASCII or white space passes it as U+10FF00 +
 * byte, a character that no page has, and is a byte again afterwards.  What the
 * page wrote as a character reference ("&eacute;") comes out as UTF-8.
 */
#ifndef HSM_REMOTE_LISTING_VEIL_H
#define HSM_REMOTE_LISTING_VEIL_H

#include <stddef.h>

#define HSM_LISTING_VEIL_WIDTH 4

/*
 * Veil `len` bytes into `out`, which has room for HSM_LISTING_VEIL_WIDTH times
 * as many; the result is UTF-8 without an end.  Returns its length.  Pure.
 */
size_t hsm_listing_veil(const char *bytes, size_t len, char *out);

/* How many bytes the `len` at `text` stand for.  Pure. */
size_t hsm_listing_veil_count(const char *text, size_t len);

/*
 * The bytes of a veiled string, without white space at either end.  The caller
 * frees the result; NULL when there is no memory.
 */
char *hsm_listing_unveil(const char *text);

#endif
