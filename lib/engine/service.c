// SPDX-License-Identifier: GPL-2.0-or-later
#include "engine/service.h"

int hsm_service_remote(const struct hsm_service *service,
		       struct hsm_remote **out, char *error, size_t error_size)
{
	const struct hsm_serve_options *options = service->options;
	const struct hsm_remote_options remote = {
		.user = options->user, .netrc = options->netrc,
		.headers = options->headers, .cacert = options->cacert,
		.proxy = options->proxy, .insecure = options->insecure,
		.redirect_hosts = options->allow_redirect,
		.retries = (unsigned int)options->retries,
		.timeout_s = options->timeout_s, .jobs = options->jobs,
	};

	return hsm_remote_open(out, options->url, &remote, options->log, error,
			       error_size);
}
