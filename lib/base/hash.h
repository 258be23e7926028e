/* SPDX-License-Identifier: GPL-2.0-or-later */
/* FNV-1a, 64 bits: two names of one directory do not meet in practice. */
#ifndef HSM_BASE_HASH_H
#define HSM_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#define HSM_HASH UINT64_C(14695981039346656037)

/* `hash`, which begins as HSM_HASH, with `len` bytes more.  Pure. */
uint64_t hsm_hash(uint64_t hash, const void *bytes, size_t len);

#endif
