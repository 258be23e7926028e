// SPDX-License-Identifier: GPL-2.0-or-later
/* From URL and DIR to a running server, and back to a DIR as it was. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "base/cleanup.h"
#include "engine/control.h"
#include "engine/crawl.h"
#include "engine/deep.h"
#include "engine/deny.h"
#include "engine/lazy.h"
#include "engine/service.h"
#include "hsm.h"
#include "local/mark.h"
#include "local/mount.h"

const char hsm_serve_whole_for[] =
	"losetup,mount,swapon,bsdtar,bsdcpio,bsdcat,qemu-img,qemu-nbd,"
	"qemu-system-x86,udisksd,systemd-nspawn,systemd-dissec,grep,egrep,fgrep,"
	"file-roller,cryptsetup,fuse2fs,guestmount,xfs_copy,e2image,partclone,"
	"borg,bmaptool,nbdkit,nbdcopy,star,fsverity";

/* What a child found out; in shared memory. */
struct answer {
	int ret;
	enum hsm_failure_kind kind;
	char text[512];
	char url[2048];
	unsigned long skipped;
	bool complete; /* everything was listed, not only the root */
};

static int fail(struct hsm_failure *failure, enum hsm_failure_kind kind,
		int ret, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static int fail(struct hsm_failure *failure, enum hsm_failure_kind kind,
		int ret, const char *format, ...)
{
	va_list args;

	failure->kind = kind;
	va_start(args, format);
	vsnprintf(failure->text, sizeof(failure->text), format, args);
	va_end(args);
	return ret;
}

int hsm_service_remote(const struct hsm_service *service,
		       struct hsm_remote **out, char *error, size_t error_size)
{
	const struct hsm_serve_options *options = service->options;
	const struct hsm_remote_options remote = {
		.user = options->user, .netrc = options->netrc,
		.headers = options->headers, .cacert = options->cacert,
		.proxy = options->proxy, .insecure = options->insecure,
		.retries = (unsigned int)options->retries,
		.timeout_s = options->timeout_s, .jobs = options->jobs,
	};

	return hsm_remote_open(out, options->url, &remote, options->log, error,
			       error_size);
}

static int ignore_entry(void *arg, const struct hsm_entry *entry)
{
	(void)arg, (void)entry;
	return 0;
}

/* Is there a listing at all?  Asked before anything is made here. */
static int probe(struct hsm_service *service, struct hsm_remote *remote,
		 struct answer *answer)
{
	struct hsm_conn *conn;
	int ret;

	/* A tree that was listed before is served with the remote away, too. */
	if (service->store.listed)
		return 0;
	ret = hsm_conn_open(&conn, remote);
	if (ret < 0)
		return ret;
	ret = hsm_conn_list(conn, "", ignore_entry, NULL);
	if (ret < 0) {
		answer->kind = HSM_FAILURE_REMOTE;
		snprintf(answer->text, sizeof(answer->text), "%s",
			 hsm_conn_error(conn));
	}
	hsm_conn_close(conn);
	return ret;
}

/* No request, no listing: only the URL. */
static int look_at_url(struct hsm_service *service, struct hsm_remote *remote,
		       struct answer *answer)
{
	(void)service, (void)remote, (void)answer;
	return 0;
}

static int crawl(struct hsm_service *service, struct hsm_remote *remote,
		 struct answer *answer)
{
	const struct hsm_serve_options *options = service->options;
	struct hsm_crawl run = {
		.log = options->log, .remote = remote,
		.store_fd = service->store.fd, .tree = service->store.tree,
		.store_id = service->store.id, .jobs = options->jobs,
		.progress = options->progress, .from = "",
	};
	int ret = hsm_crawl_run(&run);

	answer->skipped = run.skipped;
	if (ret < 0) {
		bool remote_failed = ret != -ENOSPC && ret != -EDQUOT &&
				     ret != -ENOMEM && ret != -EROFS;

		answer->kind = remote_failed ? HSM_FAILURE_REMOTE :
					       HSM_FAILURE_OTHER;
		snprintf(answer->text, sizeof(answer->text), "%s",
			 *run.error ? run.error : strerror(-ret));
	}
	return ret;
}

/* How many directories the root has: each of them wants a trigger. */
static unsigned int count_children(int tree)
{
	int copy = openat(tree, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	HSM_CLOSEDIR DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *entry;
	unsigned int count = 0;

	if (!dir && copy >= 0)
		close(copy);
	while (dir && (entry = readdir(dir)))
		count += entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN;
	/* Without itself and its parent. */
	return count > 2 ? count - 2 : 0;
}

/* The names of the root; those of all when there would be too many triggers. */
static int list_root(struct hsm_service *service, struct hsm_remote *remote,
		     struct answer *answer)
{
	const struct hsm_serve_options *options = service->options;
	struct hsm_deep deep = {
		.log = options->log, .remote = remote,
		.store_fd = service->store.fd, .root = service->store.tree,
		.store_id = service->store.id, .jobs = options->jobs,
		.shared = hsm_crawl_share(),
	};
	int ret = deep.shared ? 0 : -ENOMEM;

	if (!ret && options->max_triggers)
		ret = hsm_deep_mark(service->store.tree);
	if (!ret && options->max_triggers)
		ret = hsm_deep_list(&deep, service->store.tree, answer->text,
				    sizeof(answer->text));
	answer->skipped = deep.skipped;
	if (ret < 0) {
		answer->kind = ret == -ENOSPC || ret == -EDQUOT ||
			       ret == -ENOMEM || ret == -EROFS ?
			       HSM_FAILURE_OTHER : HSM_FAILURE_REMOTE;
		return ret;
	}
	if (options->max_triggers &&
	    count_children(service->store.tree) <=
	    (unsigned int)options->max_triggers)
		return 0;
	ret = crawl(service, remote, answer);
	answer->complete = !ret;
	return ret;
}

/*
 * Do `what` in a process of its own: the guard stays small and never has the
 * threads and the memory of a network library.
 */
static int in_child(struct hsm_service *service,
		    int (*what)(struct hsm_service *, struct hsm_remote *,
				struct answer *),
		    struct answer *answer)
{
	pid_t parent = getpid(), pid = fork();
	struct hsm_remote *remote;
	int status;

	if (pid < 0)
		return -errno;
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		answer->ret = hsm_service_remote(service, &remote, answer->text,
						 sizeof(answer->text));
		if (answer->ret < 0) {
			answer->kind = HSM_FAILURE_USAGE;
			_exit(0);
		}
		snprintf(answer->url, sizeof(answer->url), "%s",
			 hsm_remote_url(remote));
		answer->ret = what(service, remote, answer);
		_exit(0);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	if (WIFSIGNALED(status)) {
		answer->kind = HSM_FAILURE_OTHER;
		snprintf(answer->text, sizeof(answer->text),
			 "interrupted while listing (signal %d)",
			 WTERMSIG(status));
		return -EINTR;
	}
	return answer->ret;
}

/* ---------------------------------------------------------- the directory -- */

struct place {
	char dir[PATH_MAX];  /* absolute */
	char store[PATH_MAX]; /* absolute, or "" */
	bool made_dir, made_store;
};

static bool is_empty(const char *path)
{
	HSM_CLOSEDIR DIR *dir = opendir(path);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			return false;
	return dir;
}

/* The id of the tree that is mounted on `dir`, if one is. */
static bool mounted_tree(const char *dir, uint64_t *id)
{
	HSM_CLOSE int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct hsm_mark mark;
	unsigned int flags;
	uint64_t above, here;
	char parent[PATH_MAX + 4];

	if (fd < 0 || hsm_mark_read(fd, &mark, &flags) < 0 || mark.origin[0])
		return false;
	snprintf(parent, sizeof(parent), "%s/..", dir);
	if (hsm_mount_id(dir, &here) < 0 || hsm_mount_id(parent, &above) < 0 ||
	    here == above)
		return false;
	*id = mark.store;
	return true;
}

static int look_at_mount(const char *dir, const struct hsm_log *log,
			 struct hsm_failure *failure)
{
	uint64_t id;

	while (mounted_tree(dir, &id)) {
		HSM_CLOSE int fd = hsm_control_connect(id);
		int ret;

		if (fd >= 0)
			return fail(failure, HSM_FAILURE_OTHER, -EBUSY,
				    "%s: is served already (hsm-serve --stop "
				    "ends that)", dir);
		ret = hsm_mount_detach(dir);
		if (ret < 0)
			return fail(failure, HSM_FAILURE_OTHER, ret,
				    "%s: a server was killed, its mount cannot "
				    "be removed: %s", dir, strerror(-ret));
		hsm_log(log, HSM_LOG_WARNING,
			"%s: removed the mount of a server that was killed",
			dir);
	}
	return 0;
}

static int find_dir(struct place *place, const struct hsm_serve_options *options,
		    struct hsm_failure *failure)
{
	struct stat st;

	if (mkdir(options->dir, 0755) == 0)
		place->made_dir = true;
	else if (errno != EEXIST)
		return fail(failure, HSM_FAILURE_OTHER, -errno,
			    "%s: cannot be made: %s", options->dir,
			    strerror(errno));
	if (!realpath(options->dir, place->dir) || stat(place->dir, &st) < 0)
		return fail(failure, HSM_FAILURE_OTHER, -errno, "%s: %s",
			    options->dir, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return fail(failure, HSM_FAILURE_OTHER, -ENOTDIR,
			    "%s: is not a directory", options->dir);
	if (options->store && options->store[0] != '/') {
		char cwd[PATH_MAX];

		if (!getcwd(cwd, sizeof(cwd)) ||
		    snprintf(place->store, sizeof(place->store), "%s/%s", cwd,
			     options->store) >= (int)sizeof(place->store))
			return fail(failure, HSM_FAILURE_OTHER, -ENAMETOOLONG,
				    "%s: path too long", options->store);
	} else if (options->store) {
		snprintf(place->store, sizeof(place->store), "%s",
			 options->store);
	}
	return look_at_mount(place->dir, options->log, failure);
}

/* Can this kernel watch this file system?  Before anything is made on it. */
static int check_kernel(const char *path, const char *dir,
			struct hsm_failure *failure)
{
	HSM_CLOSE int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct hsm_watch watch;
	int ret;

	if (fd < 0)
		return fail(failure, HSM_FAILURE_OTHER, -errno, "%s: %s", path,
			    strerror(errno));
	ret = hsm_store_check_fs(fd);
	if (ret == -EOPNOTSUPP)
		return fail(failure, HSM_FAILURE_KERNEL, ret,
			    "%s: must lie on ext4, xfs or btrfs", path);
	if (!ret)
		ret = hsm_watch_open(&watch, fd);
	if (ret == -EPERM)
		return fail(failure, HSM_FAILURE_OTHER, ret,
			    "%s: serving needs root (CAP_SYS_ADMIN)", dir);
	if (ret == -EOPNOTSUPP)
		return fail(failure, HSM_FAILURE_KERNEL, ret,
			    "%s: this kernel has no pre-content events here; "
			    "Linux 6.14 or later is needed", dir);
	if (ret < 0)
		return fail(failure, HSM_FAILURE_OTHER, ret,
			    "%s: cannot be watched: %s", dir, strerror(-ret));
	hsm_watch_close(&watch);
	return 0;
}

static int parent_of(const char *path, char *out, size_t size)
{
	const char *slash = strrchr(path, '/');

	snprintf(out, size, "%.*s", slash > path ? (int)(slash - path) : 1,
		 slash ? path : ".");
	return 0;
}

static int open_store(struct hsm_service *service, struct place *place,
		      struct hsm_failure *failure)
{
	int ret = hsm_store_open(&service->store, place->dir);

	if (ret < 0 && hsm_store_unfinished(place->dir)) {
		hsm_log(service->options->log, HSM_LOG_WARNING,
			"%s: its store was being made when it broke off: begun "
			"again", place->dir);
		return 0;
	}
	if (ret == -ENOENT) {
		if (!is_empty(place->dir))
			return fail(failure, HSM_FAILURE_OTHER, -ENOTEMPTY,
				    "%s: holds other files; serve an empty "
				    "directory", place->dir);
		return 0;
	}
	if (ret < 0)
		return fail(failure, HSM_FAILURE_OTHER, ret,
			    "%s/.hsm: is no store that can be read: %s",
			    place->dir, strerror(-ret));
	return 0;
}

static int prepare_store(struct hsm_service *service, struct place *place,
			 const struct answer *answer,
			 struct hsm_failure *failure)
{
	int ret;

	if (service->store.fd < 0) {
		ret = hsm_store_create(&service->store, place->dir,
				       *place->store ? place->store : NULL,
				       answer->url);
		if (ret < 0)
			return fail(failure, HSM_FAILURE_OTHER, ret,
				    "%s: the store cannot be made: %s",
				    place->dir, strerror(-ret));
		place->made_store = true;
	}
	if (strcmp(service->store.url, answer->url))
		return fail(failure, HSM_FAILURE_OTHER, -EINVAL,
			    "%s: its store belongs to %s", place->dir,
			    service->store.url);
	ret = hsm_store_lock(&service->store);
	if (ret < 0)
		return fail(failure, HSM_FAILURE_OTHER, ret,
			    "%s: another hsm command has the store: %s",
			    place->dir, strerror(-ret));
	return 0;
}

static int list_remote(struct hsm_service *service, struct answer *answer,
		       struct hsm_failure *failure)
{
	int ret;

	if (service->store.listed)
		return 0;
	ret = in_child(service, service->lazy ? list_root : crawl, answer);
	if (ret < 0)
		return fail(failure, answer->kind ? answer->kind :
			    HSM_FAILURE_OTHER, ret, "%s", *answer->text ?
			    answer->text : strerror(-ret));
	service->shared->count.skipped = answer->skipped;
	if (service->lazy && !answer->complete)
		return 0;
	service->lazy = false;
	ret = hsm_store_set_listed(&service->store);
	if (ret < 0)
		return fail(failure, HSM_FAILURE_OTHER, ret, "%s: %s",
			    service->options->dir, strerror(-ret));
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

/* ------------------------------------------------------------ the service -- */

/* The tree as it will be shown: a detached mount, with what covers it. */
static int make_mount(struct hsm_service *service)
{
	HSM_CLOSE int mount_fd = hsm_mount_clone(service->store.tree);
	HSM_CLOSE int root = -1;
	int ret;

	if (mount_fd < 0 || !service->lazy)
		return hsm_steal_fd(&mount_fd);
	root = openat(mount_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ret = root < 0 ? -errno : hsm_lazy_cover(service, root);
	return ret ? ret : hsm_steal_fd(&mount_fd);
}

/* The same; what cannot be covered is listed to its end instead. */
static int prepare_mount(struct hsm_service *service, struct answer *answer,
			 struct hsm_failure *failure)
{
	int ret = make_mount(service);

	if (ret < 0 && service->lazy) {
		hsm_log(service->options->log, HSM_LOG_WARNING,
			"%s: everything is listed first: no triggers: %s",
			service->options->dir, strerror(-ret));
		service->lazy = false;
		ret = list_remote(service, answer, failure);
		if (ret < 0)
			return ret;
		ret = make_mount(service);
	}
	if (ret < 0)
		fail(failure, HSM_FAILURE_OTHER, ret, "%s: cannot be mounted: %s",
		     service->options->dir, strerror(-ret));
	return ret;
}

static int put_over(struct hsm_service *service, struct answer *answer,
		    struct hsm_failure *failure)
{
	const struct hsm_serve_options *options = service->options;
	HSM_CLOSE int mount_fd = prepare_mount(service, answer, failure);
	int ret;

	if (mount_fd < 0)
		return mount_fd;
	ret = hsm_watch_open(&service->watch, service->store.tree);
	if (!ret)
		ret = service->control = hsm_control_listen(service->store.id);
	if (ret >= 0)
		ret = hsm_mount_attach(mount_fd, options->dir,
				       options->read_only, &service->mount_id);
	/* A bind of it would have no triggers. */
	if (ret >= 0 && service->lazy)
		ret = hsm_mount_allow_binds(mount_fd, false);
	if (ret < 0)
		return fail(failure, HSM_FAILURE_OTHER, ret,
			    "%s: cannot be mounted: %s", options->dir,
			    strerror(-ret));
	ret = hsm_users_describe(&service->tree, service->store.id,
				 service->store.tree, service->mount_id);
	if (ret < 0)
		return fail(failure, HSM_FAILURE_OTHER, ret, "%s: %s",
			    options->dir, strerror(-ret));
	hsm_deny_end(service->store.id);
	return 0;
}

static int run(struct hsm_service *service, struct answer *answer,
	       struct hsm_failure *failure)
{
	struct rlimit limit;
	int ret = put_over(service, answer, failure);

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
		return fail(failure, HSM_FAILURE_OTHER, ret, "%s: %s",
			    service->options->dir, strerror(-ret));
	}
	return 0;
}

/* DIR as before: what was made for this call goes. */
static void undo(const struct place *place)
{
	if (place->made_store)
		hsm_store_remove(place->dir,
				 *place->store ? place->store : NULL);
	if (place->made_dir)
		rmdir(place->dir);
}

static int serve(struct hsm_service *service, struct place *place,
		 struct answer *answer, struct hsm_failure *failure)
{
	char where[PATH_MAX];
	int ret = find_dir(place, service->options, failure);

	if (ret < 0)
		return ret;
	if (*place->store)
		parent_of(place->store, where, sizeof(where));
	else
		snprintf(where, sizeof(where), "%s", place->dir);
	((struct hsm_serve_options *)(uintptr_t)service->options)->dir =
		place->dir;
	ret = check_kernel(where, place->dir, failure);
	if (!ret)
		ret = open_store(service, place, failure);
	if (ret < 0)
		return ret;
	ret = in_child(service, service->options->names == HSM_NAMES_EAGER ?
		       probe : look_at_url, answer);
	if (ret < 0)
		return fail(failure, answer->kind ? answer->kind :
			    HSM_FAILURE_OTHER, ret, "%s",
			    *answer->text ? answer->text : strerror(-ret));
	ret = prepare_store(service, place, answer, failure);
	if (ret < 0)
		return ret;
	begin_lazy(service);
	ret = list_remote(service, answer, failure);
	if (ret < 0)
		return ret;
	/* From here on the store is worth keeping. */
	place->made_store = place->made_dir = false;
	return run(service, answer, failure);
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
	struct place place = { 0 };
	struct answer *answer = shared_memory(sizeof(*answer));
	int ret;

	failure->kind = HSM_FAILURE_NONE;
	service.shared = shared_memory(sizeof(*service.shared));
	if (!answer || !service.shared)
		return fail(failure, HSM_FAILURE_OTHER, -ENOMEM, "out of memory");
	if (!options.jobs)
		options.jobs = 8;
	if (options.max_triggers < 0)
		options.max_triggers = 2000;
	if (options.stream_above < 0)
		options.stream_above = 16 << 20;
	if (!options.whole_for)
		options.whole_for = hsm_serve_whole_for;
	if (options.read_ahead_files < 0)
		options.read_ahead_files = 64;
	if (options.retries < 0)
		options.retries = 5;
	if (!options.timeout_s)
		options.timeout_s = 60;
	if (!options.worker_timeout_s)
		options.worker_timeout_s = 60;
	ret = serve(&service, &place, answer, failure);
	hsm_store_close(&service.store);
	if (ret < 0)
		undo(&place);
	munmap(service.shared, sizeof(*service.shared));
	munmap(answer, sizeof(*answer));
	return ret;
}

/* -------------------------------------------------------------------- stop -- */

/* The guard: as the worker knows it, or else as it made the socket. */
static int find_guard(int fd, pid_t *pid)
{
	const struct hsm_control_request request = {
		.version = HSM_CONTROL_VERSION, .op = HSM_CONTROL_STATUS,
	};
	struct hsm_control_reply reply;

	if (hsm_control_call(fd, &request, &reply, NULL, 5000) == 0) {
		*pid = reply.status.guard;
		return 0;
	}
	return hsm_control_peer(fd, pid);
}

/* Tell the guard of the server at the socket `fd` to end: its pidfd, -ESRCH. */
static int signal_guard(int fd)
{
	HSM_CLOSE int process = -1;
	pid_t pid;
	int ret = find_guard(fd, &pid);

	if (ret < 0)
		return ret;
	process = pidfd_open(pid, 0);
	if (process < 0 || pidfd_send_signal(process, SIGTERM, NULL, 0) < 0)
		return -errno;
	return hsm_steal_fd(&process);
}

/* Ask the server at the socket `fd` to end, and wait until it has. */
static int end_process(int fd)
{
	struct pollfd ready = { .events = POLLIN };
	HSM_CLOSE int process = signal_guard(fd);
	unsigned int tries;

	/* A guard that was killed a moment ago: its standby takes its place. */
	for (tries = 0; process == -ESRCH && tries < 40; tries++) {
		poll(NULL, 0, 50);
		process = signal_guard(fd);
	}
	if (process < 0)
		return process;
	ready.fd = process;
	while (poll(&ready, 1, -1) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

int hsm_serve_stop(const char *dir, struct hsm_failure *failure)
{
	char path[PATH_MAX];
	HSM_CLOSE int fd = -1;
	uint64_t id;
	int ret;

	failure->kind = HSM_FAILURE_NONE;
	if (!realpath(dir, path))
		return fail(failure, HSM_FAILURE_OTHER, -errno, "%s: %s", dir,
			    strerror(errno));
	if (!mounted_tree(path, &id))
		return fail(failure, HSM_FAILURE_OTHER, -ENOENT,
			    "%s: is not served", dir);
	fd = hsm_control_connect(id);
	if (fd < 0) {
		ret = hsm_mount_detach(path);
		return fail(failure, HSM_FAILURE_OTHER, ret < 0 ? ret : -ENOENT,
			    "%s: its server was killed; %s", dir,
			    ret < 0 ? "the mount cannot be removed" :
				      "removed the mount that it left");
	}
	ret = end_process(fd);
	if (ret < 0)
		return fail(failure, HSM_FAILURE_OTHER, ret, "%s: %s", dir,
			    strerror(-ret));
	return 0;
}
