// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sixteen processes that change files in every way there is, and log what they
 * did and when, for judge.py.
 *
 *   writers DIR OUT SECONDS [SEED]
 *
 * Works below DIR (which begins empty) and DIR/../outside, which lies on the same
 * file system; OUT has storm.tar (storm.py) and gets a log per process.  A line of a log, tab-separated:
 *
 *   BEGIN END WHAT HOW PATH [PATH]        times: CLOCK_MONOTONIC, ns, before and after
 *
 *   make    PATH is new (HOW: d for a directory, or what else it is)
 *   gone    PATH was removed
 *   redo    PATH was removed and made again
 *   move    PATH became PATH2, over whatever was there
 *   swap    PATH and PATH2 changed places
 *   data    content of PATH changed
 *   attr    attributes of PATH changed
 *   hold    PATH was open (HOW: map: mapped) for write for sure between the times
 *
 * The paths of a process are its own, but those below "shared", where only content
 * and attributes change: so the lines of one log are in the order of their times
 * (a hold stands where it ends) and what a path means can be worked out of them.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/io_uring.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#define FILES 24 /* of a writer of content */
#define SHARED 12
#define PAUSE_US 9000 /* at most, between two changes */
#define TICK_NS 20000000 /* more than the file system's clock is behind */
#define STORM_FILES 10000 /* at least, in storm.tar */
#define STORM_PAUSE_NS INT64_C(8000000000)
#define GIT_FILES 150

typedef char name_t[160];

static FILE *out;
static const char *out_dir;
static name_t home;
static unsigned int seed;
static int64_t end_ns;

__attribute__((noreturn, format(printf, 1, 2)))
static void die(const char *format, ...)
{
	int error = errno;
	va_list args;

	va_start(args, format);
	fprintf(stderr, "writers: %s: ", home);
	vfprintf(stderr, format, args);
	fprintf(stderr, ": %s\n", strerror(error));
	va_end(args);
	exit(1);
}

static int64_t clock_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static int64_t now(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static unsigned int pick(unsigned int below)
{
	return rand_r(&seed) % below;
}

static bool over(void)
{
	return now() >= end_ns;
}

static void rest(unsigned int at_most_us)
{
	usleep(pick(at_most_us));
}

__attribute__((format(printf, 1, 2)))
static const char *path(const char *format, ...)
{
	static name_t paths[8];
	static unsigned int next;
	char *made = paths[next++ % 8];
	va_list args;

	va_start(args, format);
	vsnprintf(made, sizeof(name_t), format, args);
	va_end(args);
	return made;
}

static void note_at(int64_t begin, int64_t end, const char *what, const char *how,
		    const char *a, const char *b)
{
	fprintf(out, "%" PRId64 "\t%" PRId64 "\t%s\t%s\t%s%s%s\n", begin, end, what, how, a,
		b ? "\t" : "", b ? b : "");
}

static void note(int64_t begin, const char *what, const char *how, const char *a,
		 const char *b)
{
	note_at(begin, now(), what, how, a, b);
}

/* ------------------------------------------------------------------ names -- */

static void make_dir(const char *p)
{
	int64_t begin = now();

	if (mkdir(p, 0755))
		die("mkdir %s", p);
	note(begin, "make", "d", p, NULL);
}

static void make_file(const char *p)
{
	int64_t begin = now();
	int fd = open(p, O_CREAT | O_EXCL | O_WRONLY, 0644);

	if (fd < 0)
		die("create %s", p);
	note(begin, "make", "file", p, NULL);
	begin = now();
	if (write(fd, p, strlen(p)) < 0)
		die("write %s", p);
	note(begin, "data", "write", p, NULL);
	close(fd);
}

static void make_other(const char *how, const char *p, int result, int64_t begin)
{
	if (result)
		die("%s %s", how, p);
	note(begin, "make", how, p, NULL);
}

/* An O_TMPFILE file gets its name when it has its content. */
static void make_linked(const char *p)
{
	int fd = open(home, O_TMPFILE | O_WRONLY, 0644);
	int64_t begin;

	if (fd < 0 || write(fd, p, strlen(p)) < 0)
		die("O_TMPFILE for %s", p);
	begin = now();
	make_other("tmpfile", p, linkat(AT_FDCWD, path("/proc/self/fd/%d", fd), AT_FDCWD, p,
					AT_SYMLINK_FOLLOW), begin);
	close(fd);
}

static void make_any(const char *p)
{
	int64_t begin;

	switch (pick(8)) {
	case 0: case 1: make_file(p); break;
	case 2: make_dir(p); break;
	case 3: make_linked(p); break;
	case 4: begin = now(); make_other("symlink", p, symlink("to/where", p), begin); break;
	case 5: begin = now(); make_other("fifo", p, mkfifo(p, 0600), begin); break;
	case 6: begin = now(); make_other("socket", p, mknod(p, S_IFSOCK | 0600, 0), begin); break;
	case 7: begin = now(); make_other("link", p, link(path("%s/linked", home), p), begin); break;
	}
}

static void remove_one(const char *p, bool dir)
{
	int64_t begin = now();

	if (dir ? rmdir(p) : unlink(p))
		die("remove %s", p);
	note(begin, "gone", dir ? "rmdir" : "unlink", p, NULL);
}

static void remove_all(const char *at)
{
	name_t p; /* what path() made does not last */
	struct stat st;
	struct dirent *entry;
	DIR *dir;

	strcpy(p, at);
	if (lstat(p, &st))
		die("stat %s", p);
	if (!S_ISDIR(st.st_mode)) {
		remove_one(p, false);
		return;
	}
	dir = opendir(p);
	if (!dir)
		die("opendir %s", p);
	while ((entry = readdir(dir))) {
		name_t below;

		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		strcpy(below, path("%s/%s", p, entry->d_name));
		remove_all(below);
	}
	closedir(dir);
	remove_one(p, true);
}

static bool there(const char *p)
{
	struct stat st;

	return !lstat(p, &st);
}

static bool is_dir(const char *p)
{
	struct stat st;

	return !lstat(p, &st) && S_ISDIR(st.st_mode);
}

/* Rename; false where the two kinds do not go together. */
static bool move(const char *from, const char *to, unsigned int flags)
{
	int64_t begin = now();

	if (syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags)) {
		if (errno == EISDIR || errno == ENOTDIR || errno == ENOTEMPTY ||
		    errno == EEXIST || errno == EINVAL || errno == ENOENT)
			return false;
		die("rename %s to %s", from, to);
	}
	note(begin, flags & RENAME_EXCHANGE ? "swap" : "move", "rename", from, to);
	return true;
}

/* ---------------------------------------------------------------- content -- */

static char block[65536] __attribute__((aligned(4096)));

/* One write through a ring of its own: no liburing is needed for that. */
static ssize_t ring_write(int fd, const void *buf, size_t len, off_t off)
{
	struct io_uring_params p = { 0 };
	int ring = syscall(SYS_io_uring_setup, 1, &p);
	struct io_uring_sqe *sqe;
	struct io_uring_cqe *cqes;
	char *sq, *cq;
	ssize_t result;

	if (ring < 0)
		return -1;
	sq = mmap(NULL, p.sq_off.array + sizeof(__u32), PROT_READ | PROT_WRITE, MAP_SHARED, ring,
		  IORING_OFF_SQ_RING);
	cq = mmap(NULL, p.cq_off.cqes + 2 * sizeof(*cqes), PROT_READ | PROT_WRITE, MAP_SHARED,
		  ring, IORING_OFF_CQ_RING);
	sqe = mmap(NULL, sizeof(*sqe), PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQES);
	if (sq == MAP_FAILED || cq == MAP_FAILED || (void *)sqe == MAP_FAILED)
		die("io_uring");
	*sqe = (struct io_uring_sqe){ .opcode = IORING_OP_WRITE, .fd = fd,
				      .addr = (uintptr_t)buf, .len = len, .off = off };
	*(__u32 *)(sq + p.sq_off.array) = 0;
	__atomic_store_n((__u32 *)(sq + p.sq_off.tail), 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) != 1)
		die("io_uring_enter");
	result = ((struct io_uring_cqe *)(cq + p.cq_off.cqes))->res;
	munmap(sq, p.sq_off.array + sizeof(__u32));
	munmap(cq, p.cq_off.cqes + 2 * sizeof(*cqes));
	munmap(sqe, sizeof(*sqe));
	close(ring);
	errno = result < 0 ? -result : 0;
	return result;
}

static ssize_t splice_in(int fd)
{
	int pipes[2];
	ssize_t done;

	if (pipe(pipes) || write(pipes[1], block, 1000) != 1000)
		die("pipe");
	done = splice(pipes[0], NULL, fd, NULL, 1000, 0);
	close(pipes[0]);
	close(pipes[1]);
	return done;
}

static ssize_t copy_in(int fd, bool clone)
{
	int from = open("source", O_RDONLY);
	ssize_t done;

	if (from < 0)
		die("source");
	done = clone ? ioctl(fd, FICLONE, from) :
		copy_file_range(from, &(off_t){ 0 }, fd, &(off_t){ 4096 }, 8192, 0);
	close(from);
	return done;
}

static const char *const ways[] = {
	"pwrite", "writev", "append", "trunc", "truncate", "ftruncate", "fallocate", "punch", "zero",
	"copy_file_range", "reflink", "direct", "io_uring", "splice",
};

static ssize_t change_fd(const char *how, int fd, const char *p)
{
	off_t off = 4096 * pick(16);
	struct iovec parts[2] = { { block, 10 }, { block, 2000 } };

	block[0]++;
	if (!strcmp(how, "pwrite"))
		return pwrite(fd, block, 1 + pick(9000), off);
	if (!strcmp(how, "writev"))
		return pwritev(fd, parts, 2, off);
	if (!strcmp(how, "append"))
		return write(fd, block, 1 + pick(4000));
	if (!strcmp(how, "trunc"))
		return 0; /* the open did it */
	if (!strcmp(how, "truncate"))
		return truncate(p, pick(100000));
	if (!strcmp(how, "ftruncate"))
		return ftruncate(fd, pick(100000));
	if (!strcmp(how, "fallocate"))
		return fallocate(fd, 0, off, 200000);
	if (!strcmp(how, "punch"))
		return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, off, 8192);
	if (!strcmp(how, "zero"))
		return fallocate(fd, FALLOC_FL_ZERO_RANGE, off, 8192);
	if (!strcmp(how, "copy_file_range") || !strcmp(how, "reflink"))
		return copy_in(fd, how[0] == 'r');
	if (!strcmp(how, "direct"))
		return pwrite(fd, block, 4096, off);
	if (!strcmp(how, "io_uring"))
		return ring_write(fd, block, 3000, off);
	return splice_in(fd);
}

static void change(const char *p)
{
	const char *how = ways[pick(sizeof(ways) / sizeof(*ways))];
	int flags = !strcmp(how, "append") ? O_APPEND : !strcmp(how, "trunc") ? O_TRUNC :
		    !strcmp(how, "direct") ? O_DIRECT : 0;
	int64_t begin = now();
	int fd = open(p, O_WRONLY | flags);

	if (fd < 0)
		die("open %s", p);
	if (change_fd(how, fd, p) >= 0)
		note(begin, "data", how, p, NULL);
	else if (errno != EOPNOTSUPP)
		die("%s %s", how, p);
	close(fd);
}

static void write_files(void)
{
	for (int i = 0; i < FILES; i++)
		make_file(path("%s/f%d", home, i));
	for (; !over(); rest(PAUSE_US))
		change(path("%s/f%d", home, pick(FILES)));
}

static void write_shared(void)
{
	for (; !over(); rest(PAUSE_US))
		change(path("shared/f%d", pick(SHARED)));
}

/* The same files by another door. */
static void write_bound(void)
{
	name_t bind;

	strcpy(bind, path("%s/bind", out_dir));
	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    (mkdir(bind, 0755) && errno != EEXIST) || mount(".", bind, NULL, MS_BIND, NULL) ||
	    chdir(bind))
		die("bind mount");
	write_files();
}

/* Files that stay open for a while and are written now and then. */
static void write_held(void)
{
	struct { int fd; int64_t opened, until; name_t p; } held[6];
	unsigned int n;

	for (int i = 0; i < FILES; i++)
		make_file(path("%s/f%d", home, i));
	for (n = 0; n < 6; n++)
		held[n].fd = -1;
	while (!over()) {
		n = pick(6);
		rest(PAUSE_US);
		if (held[n].fd < 0) {
			/* Every slot has files of its own. */
			strcpy(held[n].p, path("%s/f%d", home, n + 6 * pick(FILES / 6)));
			held[n].fd = open(held[n].p, pick(2) ? O_RDWR : O_WRONLY);
			if (held[n].fd < 0)
				die("open %s", held[n].p);
			held[n].opened = now();
			held[n].until = held[n].opened + 1000000 * (int64_t)(20 + pick(1500));
		} else if (now() > held[n].until) {
			note(held[n].opened, "hold", "open", held[n].p, NULL);
			close(held[n].fd);
			held[n].fd = -1;
		} else if (!pick(4)) {
			int64_t begin = now();

			if (pwrite(held[n].fd, block, 100, pick(60000)) != 100)
				die("write %s", held[n].p);
			note(begin, "data", "held", held[n].p, NULL);
		}
	}
}

/*
 * Stores through a mapping.  What they change counts from the moment the last
 * mapping and descriptor go; until then the file is held.
 */
static void store(const char *p, unsigned int how)
{
	int64_t begin, opened;
	char *map;
	int fd = open(p, O_RDWR);

	if (fd < 0)
		die("open %s", p);
	if (how & 1) { /* seen before it is mapped */
		begin = now();
		if (pwrite(fd, block, 10, 0) != 10)
			die("write %s", p);
		note(begin, "data", "mapped", p, NULL);
	}
	map = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		die("mmap %s", p);
	opened = now();
	if (how & 2)
		close(fd);
	for (int i = pick(8); i >= 0; i--) {
		map[4096 * pick(16)]++;
		if (how & 4)
			msync(map, 65536, pick(2) ? MS_SYNC : MS_ASYNC);
		usleep(pick(60000));
	}
	note(opened, "hold", "map", p, NULL);
	begin = now();
	if (how & 8)
		return; /* the end of the process unmaps it */
	if (how & 2) {
		munmap(map, 65536);
	} else {
		munmap(map, 65536);
		close(fd);
	}
	note(begin, "data", "unmapped", p, NULL);
}

/* In a child that ends with the mapping: only its end unmaps. */
static void store_and_exit(const char *p, unsigned int how)
{
	static int64_t *last; /* moment of the child */
	int status;
	pid_t child;

	if (!last)
		last = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	fflush(out);
	child = fork();
	if (child == 0) {
		store(p, how);
		fflush(out);
		*last = now();
		_exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child || status)
		die("a child that stores into %s", p);
	note(*last, "data", "exited", p, NULL);
}

static void write_mapped(void)
{
	for (int i = 0; i < FILES; i++) {
		make_file(path("%s/f%d", home, i));
		if (truncate(path("%s/f%d", home, i), 65536))
			die("truncate");
	}
	for (; !over(); rest(PAUSE_US)) {
		const char *p = path("%s/f%d", home, pick(FILES));

		if (pick(4))
			store(p, pick(8));
		else
			store_and_exit(p, 8 + pick(8));
	}
}

/* ------------------------------------------------------------- attributes -- */

static const char *set_attribute(const char *p)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = pick(1000000) } };
	static unsigned int value;

	value++;
	switch (pick(7)) {
	case 0: return chmod(p, 0700 + value % 64) ? NULL : "chmod";
	case 1: return chown(p, value % 1000, value % 1000) ? NULL : "chown";
	case 2: return utimensat(AT_FDCWD, p, times, 0) ? NULL : "mtime";
	case 3: times[0].tv_nsec = 0; return utimensat(AT_FDCWD, p, times, 0) ? NULL : "utimens";
	case 4: return setxattr(p, "user.test", &value, sizeof(value), 0) ? NULL : "setxattr";
	case 5: return removexattr(p, "user.test") ? errno == ENODATA ? "" : NULL : "removexattr";
	default: return lchown(p, value % 1000, value % 999) ? NULL : "lchown";
	}
}

static void set_attributes(void)
{
	for (int i = 0; i < FILES; i++) {
		make_file(path("%s/f%d", home, i));
		make_dir(path("%s/d%d", home, i));
	}
	for (; !over(); rest(PAUSE_US)) {
		const char *p = pick(8) ? path("%s/%c%d", home, pick(2) ? 'f' : 'd', pick(FILES)) :
					  path("shared/f%d", pick(SHARED));
		int64_t begin = now();
		const char *how = set_attribute(p);

		if (!how)
			die("attributes of %s", p);
		if (*how)
			note(begin, "attr", how, p, NULL);
	}
}

/* ------------------------------------------------- names that come and go -- */

static void make_names(void)
{
	make_file(path("%s/linked", home));
	for (int i = 0; i < 4; i++)
		make_dir(path("%s/d%d", home, i));
	for (; !over(); rest(PAUSE_US)) {
		const char *p = path("%s/d%d/n%d", home, pick(4), pick(12));

		if (there(p))
			remove_one(p, is_dir(p));
		else
			make_any(p);
	}
}

/* A directory with something in it that is written at once. */
static void make_tree(const char *p)
{
	name_t below;

	make_dir(p);
	strcpy(below, path("%s/deep", p));
	make_dir(below);
	make_file(path("%s/c0", p));
	make_file(path("%s/c1", below));
}

static void change_tree(const char *p)
{
	if (there(path("%s/deep/c1", p)))
		change(path(pick(2) ? "%s/c0" : "%s/deep/c1", p));
}

static void move_names(void)
{
	for (int i = 0; i < 3; i++)
		make_dir(path("%s/d%d", home, i));
	for (; !over(); rest(PAUSE_US)) {
		const char *a = path("%s/d%d/n%d", home, pick(3), pick(10));
		const char *b = path("%s/d%d/n%d", home, pick(3), pick(10));
		unsigned int what = pick(10);

		if (!there(a)) {
			if (what < 4)
				make_tree(a);
			else
				make_file(a);
		} else if (what == 0) {
			remove_all(a);
		} else if (what < 4 && is_dir(a)) {
			change_tree(a);
		} else if (what < 4) {
			change(a);
		} else if (strcmp(a, b)) {
			if (is_dir(b) && what != 4)
				remove_all(b);
			move(a, b, what == 4 ? RENAME_EXCHANGE : 0);
		}
	}
}

/* Whole trees into DIR, out of it, and changed on both sides; each has a name of its own. */
static void move_trees(void)
{
	unsigned int names[4] = { 0, 1, 2, 3 }, next = 4;
	name_t outside;

	strcpy(outside, path("../outside/%s", home));
	make_dir(outside);
	for (; !over(); rest(2 * PAUSE_US)) {
		unsigned int n = pick(4);
		bool in = there(path("%s/t%u", home, names[n]));
		const char *here = path("%s/t%u", in ? home : outside, names[n]);

		if (!there(here))
			make_tree(here);
		switch (pick(6)) {
		case 0:
			change_tree(here);
			break;
		case 1:
			remove_all(here);
			names[n] = next++;
			break;
		default:
			move(here, path("%s/t%u", in ? outside : home, names[n]), 0);
			break;
		}
	}
}

/* ----------------------------------------------------------------- storms -- */

static void command(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void command(const char *format, ...)
{
	char line[1000];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	errno = 0;
	if (system(line))
		die("%s", line);
}

/*
 * PATH was made by a program: not before its birth time, which may lag by a tick,
 * nor before the program, and before `end`.
 */
static void note_born(const char *p, int64_t begin, int64_t end)
{
	struct statx st;
	int64_t born;

	if (statx(AT_FDCWD, p, AT_SYMLINK_NOFOLLOW, STATX_BTIME | STATX_TYPE, &st))
		die("statx %s", p);
	born = st.stx_btime.tv_sec * INT64_C(1000000000) + st.stx_btime.tv_nsec - TICK_NS -
	       (clock_ns(CLOCK_REALTIME) - now());
	if (!(st.stx_mask & STATX_BTIME) || born < begin)
		born = begin;
	note_at(born, end, "make", S_ISDIR(st.stx_mode) ? "d" : "storm", p, NULL);
	if (S_ISREG(st.stx_mode))
		note_at(born, end, "data", "storm", p, NULL);
}

/* tar names a file before it makes it: the next name ends the time of this one. */
static void extract(void)
{
	char line[1000], last[1000] = "", run[1000];
	int64_t begin = now();
	struct born { name_t p; int64_t end; } *all;
	size_t n = 0, room = 2 * STORM_FILES;
	FILE *names;

	all = calloc(room, sizeof(*all));
	snprintf(run, sizeof(run), "tar -xvf %s/storm.tar -C %s", out_dir, home);
	names = popen(run, "r");
	while (names && fgets(line, sizeof(line), names)) {
		line[strcspn(line, "\n")] = 0;
		if (*line && line[strlen(line) - 1] == '/')
			line[strlen(line) - 1] = 0;
		if (n)
			all[n - 1].end = now();
		strcpy(all[n++].p, path("%s/%s", home, line));
		strcpy(last, line);
		if (n == room)
			break;
	}
	if (!names || pclose(names) || n < STORM_FILES)
		die("tar: %zu files, last %s", n, last);
	all[n - 1].end = now();
	for (size_t i = 0; i < n; i++)
		note_born(all[i].p, begin, all[i].end);
	free(all);
}

static void storm_tar(void)
{
	while (!over()) {
		extract();
		rest(1000000);
		remove_all(path("%s/storm", home));
		for (int64_t until = now() + STORM_PAUSE_NS; now() < until && !over();)
			rest(100000);
	}
}

static void note_tree(const char *at, int64_t begin, int64_t end)
{
	struct dirent *entry;
	name_t p;
	DIR *dir;

	strcpy(p, at);
	note_born(p, begin, end);
	dir = is_dir(p) ? opendir(p) : NULL;
	while (dir && (entry = readdir(dir))) {
		name_t below;

		strcpy(below, path("%s/%s", p, entry->d_name));
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			note_tree(below, begin, end);
	}
	if (dir)
		closedir(dir);
}

/* Branch 1 has all files, branch 2 every third not, and others differ. */
static void make_repository(void)
{
	command("cd %s && git init -q git && cd git && git config user.email a@example.org && "
		"git config user.name a && git config gc.auto 0 && "
		"for i in $(seq 0 %d); do mkdir -p d$((i %% 20))/e; echo $i >d$((i %% 20))/e/g$i; done && "
		"git add . && git commit -qm 1 && git branch one && git checkout -qb two && "
		"for i in $(seq 0 3 %d); do git rm -q d$((i %% 20))/e/g$i; done && "
		"for i in $(seq 1 3 %d); do echo two >d$((i %% 20))/e/g$i; done && "
		"git commit -qam 2", home, GIT_FILES - 1, GIT_FILES - 1, GIT_FILES - 1);
}

static void check_out(int branch)
{
	int64_t begin = now();

	command("git -C %s/git checkout -q %s", home, branch == 1 ? "one" : "two");
	for (int i = 0; i < GIT_FILES; i++) {
		const char *p = path("%s/git/d%d/e/g%d", home, i % 20, i);

		if (i % 3 == 0)
			note(begin, branch == 1 ? "make" : "gone", "git", p, NULL);
		else if (i % 3 == 1)
			note(begin, "redo", "git", p, NULL);
	}
}

static void storm_git(void)
{
	int64_t begin = now();

	make_repository();
	note(begin, "make", "d", path("%s/git", home), NULL);
	for (int i = 0; i < GIT_FILES; i++) {
		if (i < 20) {
			note(begin, "make", "d", path("%s/git/d%d", home, i), NULL);
			note(begin, "make", "d", path("%s/git/d%d/e", home, i), NULL);
		}
		if (i % 3)
			note(begin, "make", "git", path("%s/git/d%d/e/g%d", home, i % 20, i), NULL);
	}
	for (int branch = 1; !over(); branch = 3 - branch) {
		check_out(branch);
		rest(300000);
		begin = now();
		command("cp -a shared %s/copy", home);
		note_tree(path("%s/copy", home), begin, now());
		rest(100000);
		remove_all(path("%s/copy", home));
		rest(300000);
	}
}

/* ------------------------------------------------------------------- main -- */

static void (*const roles[])(void) = {
	write_files, write_files, write_bound, write_shared, write_shared, write_held, write_held,
	write_mapped, write_mapped, set_attributes, make_names, make_names, move_names, move_trees,
	storm_tar, storm_git,
};

#define WRITERS (sizeof(roles) / sizeof(*roles))

static void open_log(const char *name)
{
	strcpy(home, name);
	out = fopen(path("%s/%s.log", out_dir, name), "w");
	if (!out)
		die("log");
	setvbuf(out, NULL, _IOFBF, 1 << 20);
}

/* What all processes need, logged as well. */
static void prepare(void)
{
	open_log("first");
	if (mkdir("../outside", 0755) && errno != EEXIST)
		die("outside");
	make_file("source");
	if (truncate("source", 65536))
		die("source");
	make_dir("shared");
	for (int i = 0; i < SHARED; i++)
		make_file(path("shared/f%d", i));
	fclose(out);
}

int main(int argc, char **argv)
{
	int result = 0, status;

	if (argc < 4 || argv[2][0] != '/') {
		fprintf(stderr, "usage: writers DIR /OUT SECONDS [SEED]\n");
		return 2;
	}
	out_dir = argv[2];
	strcpy(home, "first");
	if (chdir(argv[1]))
		die("%s", argv[1]);
	prepare();
	end_ns = now() + atoi(argv[3]) * INT64_C(1000000000);
	for (size_t i = 0; i < WRITERS; i++) {
		if (fork())
			continue;
		open_log(path("w%zu", i));
		seed = (argc > 4 ? atoi(argv[4]) : 1) * 1000 + i;
		make_dir(home);
		roles[i]();
		return fclose(out) ? 1 : 0;
	}
	for (size_t i = 0; i < WRITERS; i++) {
		if (wait(&status) < 0 || status)
			result = 1;
	}
	return result;
}
