/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the crawls of one process share: connections that are used again, and which
 * directories are being listed now.
 */
#ifndef HSM_NAMES_CREW_H
#define HSM_NAMES_CREW_H

#include <sys/types.h>

#include "names/crawl.h"

/* For as long as the process lives.  NULL: no memory. */
struct hsm_crew *hsm_crew_new(void);

/* Be the only one who lists the directory `ino`; waits for whoever does. */
void hsm_crew_claim(struct hsm_crew *crew, ino_t ino);
void hsm_crew_unclaim(struct hsm_crew *crew, ino_t ino);

/* A connection, one that was used before if there is one.  -errno. */
int hsm_crew_take_conn(struct hsm_crawl *crawl, struct hsm_conn **conn);
void hsm_crew_give_conn(struct hsm_crawl *crawl, struct hsm_conn *conn);

#endif
