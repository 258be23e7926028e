// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>

#include "base/clock.h"
#include "remote/http.h"

void hsm_http_pace_begin(struct hsm_http_pace *pace)
{
	pace->since_ns = hsm_clock_ns();
}

int hsm_http_pace_check(struct hsm_http_conn *conn, struct hsm_http_pace *pace,
			size_t len)
{
	const struct hsm_http_remote *remote = hsm_http_remote_of(&conn->base);
	int64_t now = hsm_clock_ns();
	uint64_t least = (uint64_t)(remote->timeout_ns / 1000000000) *
			 HSM_HTTP_SLOWEST;
	bool slow;

	pace->waited_ns += now - pace->since_ns;
	pace->since_ns = now;
	pace->bytes += len;
	if (pace->waited_ns < remote->timeout_ns)
		return 0;
	slow = pace->bytes < least;
	pace->waited_ns = 0;
	pace->bytes = 0;
	return slow ? hsm_http_fail(conn, -ETIMEDOUT,
				    "the server sends next to nothing") : 0;
}
