/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Echoes: a remote directory that contains itself lists, at each level, what the
 * levels above it did.  Directories of a lazy tree are listed one by one, so
 * each remembers the hash of its listing.
 */
#ifndef HSM_NAMES_ECHO_H
#define HSM_NAMES_ECHO_H

#include <stdbool.h>
#include <stdint.h>

#include "remote/remote.h"

/* So many directories above are looked at; so many of them alike are a loop. */
enum { HSM_ECHO_ABOVE = 16, HSM_ECHO_LOOP = 3 };

/* The hash of one entry; that of a listing is their sum, in whatever order. */
uint64_t hsm_echo_hash(const struct hsm_entry *entry);

/*
 * Remember that the directory `fd`, somewhere below `tree`, has a listing with
 * this hash.  Whether the directories above it say that it is in itself.
 */
bool hsm_echo_heard(int tree, int fd, uint64_t hash);

/*
 * What is in it, once more, will not be listed: make its directories that are
 * not listed ordinary, empty ones.  -errno.
 */
int hsm_echo_silence(int fd);

#endif
