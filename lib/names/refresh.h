/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Listing once more what was listed before. */
#ifndef HSM_NAMES_REFRESH_H
#define HSM_NAMES_REFRESH_H

struct hsm_engine;

/*
 * List the remote directory `path` and all below it that was listed before, of
 * the server's tree.  What is new there comes at once, directories as ones that
 * are not listed while the tree is lazy.  0, or as hsm_crawl_run(), with a
 * message.
 */
int hsm_refresh_run(struct hsm_engine *engine, int store_fd, const char *path);

#endif
