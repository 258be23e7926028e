// SPDX-License-Identifier: GPL-2.0-or-later
#include "names/refresh.h"

#include "engine/engine.h"
#include "names/crawl.h"
#include "names/deep.h"

/* Whether something of the server's tree may not be listed yet. */
static bool is_lazy(const struct hsm_engine *engine)
{
	unsigned int flags;

	return engine->deep &&
	       hsm_mark_read(engine->watch.root, NULL, &flags) == 0 &&
	       flags & HSM_FLAG_BELOW;
}

int hsm_refresh_run(struct hsm_engine *engine, int store_fd, const char *path)
{
	struct hsm_crawl crawl = {
		.log = engine->log, .remote = engine->remote,
		.store_fd = store_fd, .tree = engine->watch.root,
		.store_id = engine->store_id, .engine = engine,
		.jobs = engine->jobs, .from = path,
	};
	int ret;

	if (is_lazy(engine)) {
		crawl.lazy = true;
		crawl.grows = engine->deep->grows;
		crawl.appeared = engine->deep->appeared;
		crawl.uncover = engine->deep->uncover;
		crawl.arg = engine->deep->trigger_arg;
	}
	ret = hsm_crawl_run(&crawl);
	atomic_fetch_add(&engine->shared->count.skipped, crawl.skipped);
	if (ret)
		hsm_log(engine->log, HSM_LOG_WARNING, "not listed again: %s",
			crawl.error);
	return ret;
}
