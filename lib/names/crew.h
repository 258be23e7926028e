/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the crawls of one process share: hsm_crawl_share() makes it. */
#ifndef HSM_NAMES_CREW_H
#define HSM_NAMES_CREW_H

#include <sys/types.h>

#include "names/crawl.h"

/* Be the only one who lists the directory `ino`; waits for whoever does. */
void hsm_crawl_claim(struct hsm_crawl_shared *shared, ino_t ino);
void hsm_crawl_unclaim(struct hsm_crawl_shared *shared, ino_t ino);

/* A connection, one that was used before if there is one.  -errno. */
int hsm_crawl_take_conn(struct hsm_crawl *crawl, struct hsm_conn **conn);
void hsm_crawl_give_conn(struct hsm_crawl *crawl, struct hsm_conn *conn);

#endif
