// SPDX-License-Identifier: GPL-2.0-or-later
/* From URL and DIR to a running server, and back to a DIR as it was. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>

#include "base/cleanup.h"
#include "failure.h"
#include "local/mount.h"
#include "local/seal.h"
#include "names/lazy.h"
#include "place.h"
#include "server/control.h"
#include "server/deny.h"
#include "server/guard.h"
#include "survey.h"

/* They look for holes, or hand the file to the kernel; hsm-serve(8) names them, too. */
static const char whole_for[] =
	"losetup,mount,swapon,bsdtar,bsdcpio,bsdcat,qemu-img,qemu-nbd,"
	"qemu-system-x86,udisksd,systemd-nspawn,systemd-dissec,grep,egrep,fgrep,"
	"file-roller,cryptsetup,fuse2fs,guestmount,xfs_copy,e2image,partclone,"
	"borg,bmaptool,nbdkit,nbdcopy,star,fsverity";

static int list_remote(struct hsm_service *service, struct hsm_survey *survey,
		       struct hsm_failure *failure)
{
	int ret;

	if (service->store.listed)
		return 0;
	ret = hsm_survey_run(service, HSM_SURVEY_LIST, survey, failure);
	if (ret < 0)
		return ret;
	service->shared->count.skipped = survey->skipped;
	if (service->lazy && !survey->complete)
		return 0;
	service->lazy = false;
	ret = hsm_store_set_listed(&service->store);
	if (ret < 0)
		return hsm_failure_set_errno(failure, ret, service->options->dir);
	return 0;
}

/*
 * Triggers know their server by its process group: it must be ours alone.  On a
 * terminal, keys that send signals go on reaching us.
 */
static void take_own_group(void)
{
	pid_t before = getpgrp();

	if (before == getpid() || setpgid(0, 0) < 0)
		return;
	if (tcgetpgrp(STDIN_FILENO) == before) {
		sighandler_t old = signal(SIGTTOU, SIG_IGN);

		tcsetpgrp(STDIN_FILENO, getpgrp());
		signal(SIGTTOU, old);
	}
}

/* Can this tree, here, be served before it is listed?  Else it is not. */
static void begin_lazy(struct hsm_service *service)
{
	const struct hsm_serve_options *options = service->options;
	int ret;

	if (options->names == HSM_NAMES_EAGER || service->store.listed)
		return;
	take_own_group();
	ret = hsm_trigger_open(&service->trigger);
	if (!ret)
		ret = hsm_store_set_lazy(&service->store);
	service->lazy = !ret;
	if (ret)
		hsm_log(options->log, HSM_LOG_WARNING,
			"%s: everything is listed first: %s", options->dir,
			ret == -EOPNOTSUPP ? "this kernel has no autofs" :
			ret == -ENOTEMPTY ? "a listing of all was begun before" :
			strerror(-ret));
	if (ret)
		hsm_trigger_close(&service->trigger);
}

/* The tree as it will be shown: a detached mount, with what covers it. */
static int make_mount(struct hsm_service *service)
{
	HSM_CLOSE int mount_fd = hsm_mount_clone(service->store.tree);
	HSM_CLOSE int root = -1;
	int ret;

	if (mount_fd < 0 || !service->lazy)
		return hsm_steal_fd(&mount_fd);
	ret = hsm_seal_mount(mount_fd);
	service->sealed = !ret;
	if (ret)
		hsm_log(service->options->log, HSM_LOG_WARNING,
			"%s: cannot be bound elsewhere before all is listed: "
			"no seals: %s", service->options->dir, strerror(-ret));
	root = openat(mount_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ret = root < 0 ? -errno : hsm_lazy_cover(service, root);
	return ret ? ret : hsm_steal_fd(&mount_fd);
}

/* The same; what cannot be covered is listed to its end instead. */
static int prepare_mount(struct hsm_service *service, struct hsm_survey *survey,
			 struct hsm_failure *failure)
{
	int ret = make_mount(service);

	if (ret < 0 && service->lazy) {
		hsm_log(service->options->log, HSM_LOG_WARNING,
			"%s: everything is listed first: no triggers: %s",
			service->options->dir, strerror(-ret));
		service->lazy = false;
		ret = list_remote(service, survey, failure);
		if (ret < 0)
			return ret;
		ret = make_mount(service);
	}
	if (ret < 0)
		hsm_failure_set(failure, ret, "%s: cannot be mounted: %s",
				service->options->dir, strerror(-ret));
	return ret;
}

static int put_over(struct hsm_service *service, struct hsm_survey *survey,
		    struct hsm_failure *failure)
{
	const struct hsm_serve_options *options = service->options;
	HSM_CLOSE int mount_fd = prepare_mount(service, survey, failure);
	int ret;

	if (mount_fd < 0)
		return mount_fd;
	ret = hsm_watch_open(&service->watch, service->store.tree);
	if (!ret)
		ret = service->control = hsm_control_listen(service->store.id);
	if (ret >= 0)
		ret = hsm_mount_attach(mount_fd, options->dir,
				       options->read_only, &service->mount_id);
	/* A bind of it would have no triggers, and say that nothing is there. */
	if (ret >= 0 && service->lazy && !service->sealed)
		ret = hsm_mount_allow_binds(mount_fd, false);
	if (ret < 0)
		return hsm_failure_set(failure, ret,
				       "%s: cannot be mounted: %s",
				       options->dir, strerror(-ret));
	ret = hsm_users_describe(&service->tree, service->store.id,
				 service->store.tree, service->mount_id);
	if (ret < 0)
		return hsm_failure_set_errno(failure, ret, options->dir);
	hsm_deny_end(service->store.id);
	return 0;
}

static int run(struct hsm_service *service, struct hsm_survey *survey,
	       struct hsm_failure *failure)
{
	struct rlimit limit;
	int ret = put_over(service, survey, failure);

	if (ret < 0) {
		if (service->mount_id)
			hsm_mount_detach(service->options->dir);
		hsm_watch_close(&service->watch);
		return ret;
	}
	/* Each reader that waits costs a descriptor. */
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max < HSM_FD_MAX ?
				 limit.rlim_max : HSM_FD_MAX;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	service->shared->started = (unsigned long long)time(NULL);
	ret = hsm_guard_run(service);
	hsm_control_unlink(service->store.id);
	atomic_store(&service->shared->finished, true);
	if (ret < 0) {
		hsm_mount_detach(service->options->dir);
		hsm_deny_rest(service);
		return hsm_failure_set_errno(failure, ret, service->options->dir);
	}
	return 0;
}

static int serve(struct hsm_service *service, struct hsm_serve_options *options,
		 struct hsm_place *place, struct hsm_survey *survey,
		 struct hsm_failure *failure)
{
	int ret = hsm_place_find(place, options, failure);

	if (ret < 0)
		return ret;
	options->dir = place->dir;
	ret = hsm_place_check_kernel(place, failure);
	if (!ret)
		ret = hsm_place_open_store(place, &service->store, options->log,
					   failure);
	/* A tree that was listed before is served with the remote away, too. */
	if (!ret)
		ret = hsm_survey_run(service, service->store.listed ||
				     options->names != HSM_NAMES_EAGER ?
				     HSM_SURVEY_URL : HSM_SURVEY_PROBE, survey,
				     failure);
	if (!ret)
		ret = hsm_place_take_store(place, &service->store, survey->url,
					   failure);
	if (ret < 0)
		return ret;
	begin_lazy(service);
	ret = list_remote(service, survey, failure);
	if (ret < 0)
		return ret;
	/* From here on the store is worth keeping. */
	place->made_store = place->made_dir = false;
	return run(service, survey, failure);
}

static void set_defaults(struct hsm_serve_options *options)
{
	if (!options->jobs)
		options->jobs = 8;
	if (options->max_triggers < 0)
		options->max_triggers = 2000;
	if (options->stream_above < 0)
		options->stream_above = 16 << 20;
	if (!options->whole_for)
		options->whole_for = whole_for;
	if (options->read_ahead_files < 0)
		options->read_ahead_files = 64;
	if (options->retries < 0)
		options->retries = 5;
	if (!options->timeout_s)
		options->timeout_s = 60;
	if (!options->worker_timeout_s)
		options->worker_timeout_s = 60;
}

static void *shared_memory(size_t size)
{
	/* Populated: the guard must not need memory later. */
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

int hsm_serve(const struct hsm_serve_options *given, struct hsm_failure *failure)
{
	struct hsm_serve_options options = *given;
	struct hsm_service service = {
		.options = &options,
		.store = { .fd = -1, .tree = -1, .lock = -1 },
		.watch = { -1, -1, -1, -1 },
		.trigger = { -1, -1, -1, 0 },
	};
	struct hsm_place place = { 0 };
	struct hsm_survey *survey = shared_memory(sizeof(*survey));
	int ret;

	failure->kind = HSM_FAILURE_NONE;
	service.shared = shared_memory(sizeof(*service.shared));
	if (!survey || !service.shared)
		return hsm_failure_set(failure, -ENOMEM, "out of memory");
	set_defaults(&options);
	ret = serve(&service, &options, &place, survey, failure);
	hsm_store_close(&service.store);
	if (ret < 0)
		hsm_place_undo(&place);
	munmap(service.shared, sizeof(*service.shared));
	munmap(survey, sizeof(*survey));
	return ret;
}
