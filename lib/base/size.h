/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sizes as people write them. */
#ifndef HSM_BASE_SIZE_H
#define HSM_BASE_SIZE_H

#include <stdint.h>

/*
 * "4096", "16M", "1.5G", "2KiB": powers of 1024, suffix K M G T P with optional
 * "B" or "iB", any case.  -EINVAL when it is not a size, -ERANGE when it does
 * not fit.  Pure.
 */
int hsm_size_parse(const char *text, uint64_t *out);

#endif
