/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What has to be known of the remote before DIR is served.  Private to the library. */
#ifndef HSM_SURVEY_H
#define HSM_SURVEY_H

#include "engine/service.h"

enum hsm_survey_depth {
	HSM_SURVEY_URL,   /* no request: only the URL in its final form */
	HSM_SURVEY_PROBE, /* is there a listing at all? */
	HSM_SURVEY_LIST,  /* all names; in a lazy tree, if it can be, the root's */
};

/* What was found out; in memory that is shared with children. */
struct hsm_survey {
	int ret;
	struct hsm_failure failure;
	char url[2048];
	unsigned long skipped;
	bool complete;   /* everything was listed, not only the root */
};

/*
 * Ask the remote, in a process of its own that ends with this one: the caller
 * stays small and never has the threads and the memory of a network library.
 * LIST makes placeholders in the store.  0, or -errno and `failure`.
 */
int hsm_survey_run(struct hsm_service *service, enum hsm_survey_depth depth,
		   struct hsm_survey *survey, struct hsm_failure *failure);

#endif
