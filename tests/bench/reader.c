/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reader make   FILE BYTES       write a file whose pages carry their number
 * reader seq    FILE             read it from start to end
 * reader first  FILE             open it and read its first 4 KiB
 * reader random FILE COUNT SEED  read COUNT random pages with pread(2)
 * reader mmap   FILE COUNT SEED  touch COUNT random pages of a mapping
 * reader time   COMMAND...       run a command
 *
 * Prints the seconds from open(2) to the last byte, or of the whole command.  Every
 * page that is read is checked, so that no zeros are ever timed: exit status 1
 * then.
 */
#include <err.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096
#define BUFFER (128 * 1024)
#define STAMP UINT64_C(0x9e3779b97f4a7c15)

static char buffer[BUFFER] __attribute__((aligned(PAGE)));

static uint64_t stamp(uint64_t page)
{
	return (page + 1) * STAMP;
}

static void check(const char *data, uint64_t page)
{
	uint64_t found;

	memcpy(&found, data, sizeof(found));
	if (found != stamp(page))
		errx(1, "wrong bytes in page %llu", (unsigned long long)page);
}

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static int open_file(const char *path, uint64_t *pages)
{
	struct stat st;
	int fd = open(path, O_RDONLY);

	if (fd < 0 || fstat(fd, &st))
		err(1, "%s", path);
	*pages = st.st_size / PAGE;
	if (!*pages)
		errx(1, "%s: is empty", path);
	return fd;
}

static void make(const char *path, uint64_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	uint64_t state = STAMP;

	if (fd < 0)
		err(1, "%s", path);
	for (size_t i = 0; i < BUFFER; i += sizeof(state)) {
		next_random(&state);
		memcpy(buffer + i, &state, sizeof(state));
	}
	for (uint64_t off = 0; off < size; off += BUFFER) {
		size_t len = size - off < BUFFER ? size - off : BUFFER;

		for (size_t i = 0; i < len; i += PAGE) {
			uint64_t value = stamp((off + i) / PAGE);

			memcpy(buffer + i, &value, sizeof(value));
		}
		if (write(fd, buffer, len) != (ssize_t)len)
			err(1, "%s", path);
	}
	close(fd);
}

static void read_all(int fd, uint64_t pages)
{
	uint64_t off = 0;
	ssize_t n;

	while ((n = read(fd, buffer, BUFFER)) > 0) {
		uint64_t first = (off + PAGE - 1) / PAGE * PAGE;

		for (uint64_t at = first; at + PAGE <= off + n; at += PAGE)
			check(buffer + (at - off), at / PAGE);
		off += n;
	}
	if (n < 0)
		err(1, "read");
	if (off != pages * PAGE)
		errx(1, "short: %llu bytes", (unsigned long long)off);
}

static void read_page(int fd, uint64_t page)
{
	if (pread(fd, buffer, PAGE, page * PAGE) != PAGE)
		err(1, "pread");
	check(buffer, page);
}

static void read_random(int fd, uint64_t pages, unsigned long count,
			uint64_t seed)
{
	for (unsigned long i = 0; i < count; i++)
		read_page(fd, next_random(&seed) % pages);
}

static void touch_random(int fd, uint64_t pages, unsigned long count,
			 uint64_t seed)
{
	char *map = mmap(NULL, pages * PAGE, PROT_READ, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED)
		err(1, "mmap");
	madvise(map, pages * PAGE, MADV_RANDOM);
	for (unsigned long i = 0; i < count; i++) {
		uint64_t page = next_random(&seed) % pages;

		check(map + page * PAGE, page);
	}
	munmap(map, pages * PAGE);
}

/* What a user waits for: start, work and end of a program. */
static double run(char **argv)
{
	double start = now();
	pid_t pid = vfork();
	int status;

	if (pid == 0) {
		execvp(argv[0], argv);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		err(1, "%s", argv[0]);
	if (status)
		errx(1, "%s: failed", argv[0]);
	return now() - start;
}

/* Look a path up, or open and close it, many times. */
static void walk_path(const char *path, unsigned long count, bool opens)
{
	for (unsigned long i = 0; i < count; i++) {
		struct stat st;
		int ret = opens ? open(path, O_RDONLY | O_CLOEXEC) :
				  stat(path, &st);

		if (ret < 0)
			err(1, "%s", path);
		if (opens)
			close(ret);
	}
}

int main(int argc, char **argv)
{
	const char *mode = argc > 2 ? argv[1] : "";
	unsigned long count = argc > 3 ? strtoul(argv[3], NULL, 10) : 0;
	uint64_t seed = (argc > 4 ? strtoull(argv[4], NULL, 10) : 1) * STAMP;
	uint64_t pages;
	double start;
	int fd;

	if (!strcmp(mode, "make")) {
		make(argv[2], count);
		return 0;
	}
	if (!strcmp(mode, "time")) {
		printf("%.6f\n", run(argv + 2));
		return 0;
	}
	if (!strcmp(mode, "stat") || !strcmp(mode, "open")) {
		start = now();
		walk_path(argv[2], count, !strcmp(mode, "open"));
		printf("%.6f\n", now() - start);
		return 0;
	}
	start = now();
	fd = open_file(argc > 2 ? argv[2] : "", &pages);
	if (!strcmp(mode, "seq"))
		read_all(fd, pages);
	else if (!strcmp(mode, "first"))
		read_page(fd, 0);
	else if (!strcmp(mode, "random"))
		read_random(fd, pages, count, seed);
	else if (!strcmp(mode, "mmap"))
		touch_random(fd, pages, count, seed);
	else
		errx(2, "usage: reader make|seq|first|random|mmap|stat|open|time ...");
	printf("%.6f\n", now() - start);
	return 0;
}
