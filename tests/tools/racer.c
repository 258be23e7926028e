/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Readers that check every byte, for the race tests.
 *
 * Each byte of file number n at offset o is a function of n and o, so a reader
 * needs nothing to compare with.
 *
 *   racer make DIR FILES                write files of many sizes
 *   racer read DIR FILES SECONDS SEED   read random ranges of them
 *   racer make-growing DIR FILES        write files of 16 KiB
 *   racer grow DIR FILES                the seed thread's race, once per file:
 *                                       8 KiB are read at 12 KiB while a writer
 *                                       extends the file to 20 KiB
 *
 * Exit status 0: all bytes were right; 1: not, and stderr says where.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define HANG_S 30
#define GROW_FROM (16 << 10)
#define GROW_TO (20 << 10)
#define GROW_READ_OFF (12 << 10)
#define GROW_READ_LEN (8 << 10)

static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
	return x ^ (x >> 31);
}

static void expect(unsigned int file, off_t off, unsigned char *buf, size_t len)
{
	uint64_t word = 0;

	for (size_t i = 0; i < len; i++) {
		uint64_t at = off + i;

		if (i == 0 || at % 8 == 0)
			word = mix(((uint64_t)file << 40) + at / 8);
		buf[i] = word >> (at % 8 * 8);
	}
}

/* From 1 byte to 511 KiB, most of them not a multiple of a page. */
static off_t file_size(unsigned int file)
{
	return 1 + mix(file) % (511 << 10);
}

static const char *file_path(const char *dir, unsigned int file)
{
	static __thread char path[4096];

	snprintf(path, sizeof(path), "%s/%u", dir, file);
	return path;
}

__attribute__((noreturn, format(printf, 1, 2)))
static void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("racer: ", stderr);
	vfprintf(stderr, format, args);
	fputs("\n", stderr);
	va_end(args);
	exit(1);
}

static int make_files(const char *dir, unsigned int files, off_t (*size_of)(unsigned int))
{
	for (unsigned int file = 0; file < files; file++) {
		size_t size = size_of(file);
		unsigned char *content = malloc(size);
		FILE *f = fopen(file_path(dir, file), "w");

		expect(file, 0, content, size);
		if (!f || fwrite(content, 1, size, f) != size || fclose(f))
			die("%s: %s", file_path(dir, file), strerror(errno));
		free(content);
	}
	return 0;
}

/* ------------------------------------------------------------------ read -- */

/* What is being read, for the handler of SIGALRM. */
static char doing[4200];

static void hang(int sig)
{
	static const char text[] = "racer: hangs: ";

	(void)sig;
	if (write(2, text, sizeof(text) - 1) > 0 && write(2, doing, strlen(doing)) > 0)
		(void)!write(2, "\n", 1);
	_exit(1);
}

static void check(unsigned int file, off_t off, const unsigned char *got, size_t len)
{
	unsigned char *wanted = malloc(len);

	expect(file, off, wanted, len);
	for (size_t i = 0; i < len; i++) {
		if (got[i] != wanted[i])
			die("wrong byte: %s: offset %jd is %#x, not %#x", doing,
			    (intmax_t)(off + i), got[i], wanted[i]);
	}
	free(wanted);
}

static void read_plainly(int fd, unsigned int file, off_t off, size_t len)
{
	unsigned char *buf = malloc(len);
	size_t done = 0;

	while (done < len) {
		ssize_t n = pread(fd, buf + done, len - done, off + done);

		if (n <= 0)
			die("%s: %s", doing, n ? strerror(errno) : "short read");
		done += n;
	}
	check(file, off, buf, len);
	free(buf);
}

static void read_mapped(int fd, unsigned int file, off_t off, size_t len)
{
	off_t page = off & ~(off_t)4095;
	size_t size = len + (off - page);
	unsigned char *map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, page);

	if (map == MAP_FAILED)
		die("mmap: %s: %s", doing, strerror(errno));
	check(file, off, map + (off - page), len);
	munmap(map, size);
}

static void read_some(const char *dir, unsigned int file, unsigned int *seed)
{
	off_t size = file_size(file);
	off_t off = rand_r(seed) % size;
	size_t len = 1 + rand_r(seed) % (size - off);
	bool mapped = rand_r(seed) % 4 == 0;
	int fd;

	snprintf(doing, sizeof(doing), "%s %zu bytes at %jd of %s",
		 mapped ? "map" : "read", len, (intmax_t)off, file_path(dir, file));
	alarm(HANG_S);
	fd = open(file_path(dir, file), O_RDONLY);
	if (fd < 0)
		die("open: %s: %s", doing, strerror(errno));
	(mapped ? read_mapped : read_plainly)(fd, file, off, len);
	close(fd);
	alarm(0);
}

static int read_files(const char *dir, unsigned int files, unsigned int seconds,
		      unsigned int seed)
{
	time_t end = time(NULL) + seconds;
	unsigned long reads = 0;

	signal(SIGALRM, hang);
	for (; time(NULL) < end; reads++)
		read_some(dir, rand_r(&seed) % files, &seed);
	printf("%lu reads\n", reads);
	return reads ? 0 : 1;
}

/* ------------------------------------------------------------------ grow -- */

struct growth {
	const char *path;
	unsigned int file;
	pthread_barrier_t start;
};

static void grown_content(unsigned int file, unsigned char *buf)
{
	expect(file, 0, buf, GROW_FROM);
	memset(buf + GROW_FROM, file % 2 ? 0 : 'G', GROW_TO - GROW_FROM);
}

/* Even files grow by a write, odd ones by a truncation. */
static void *grow(void *arg)
{
	struct growth *g = arg;
	unsigned char wanted[GROW_TO];
	int fd;

	grown_content(g->file, wanted);
	pthread_barrier_wait(&g->start);
	fd = open(g->path, O_RDWR);
	if (fd < 0)
		die("%s: %s", g->path, strerror(errno));
	if (g->file % 2 ? ftruncate(fd, GROW_TO) :
	    pwrite(fd, wanted + GROW_FROM, GROW_TO - GROW_FROM, GROW_FROM) < 0)
		die("%s: grow: %s", g->path, strerror(errno));
	close(fd);
	return NULL;
}

static void check_tail(struct growth *g, int fd)
{
	unsigned char wanted[GROW_TO], got[GROW_READ_LEN];
	ssize_t n = pread(fd, got, GROW_READ_LEN, GROW_READ_OFF);

	grown_content(g->file, wanted);
	if (n < GROW_FROM - GROW_READ_OFF)
		die("%s: read: %zd %s", g->path, n, n < 0 ? strerror(errno) : "");
	if (memcmp(got, wanted + GROW_READ_OFF, n))
		die("%s: wrong bytes in a read of %zd", g->path, n);
}

static void grow_one(const char *dir, unsigned int file)
{
	struct growth g = { .path = file_path(dir, file), .file = file };
	unsigned char wanted[GROW_TO], got[GROW_TO + 1];
	pthread_t writer;
	int fd;

	pthread_barrier_init(&g.start, NULL, 2);
	pthread_create(&writer, NULL, grow, &g);
	pthread_barrier_wait(&g.start);
	for (int i = 0; i < 4; i++) {
		fd = open(g.path, O_RDONLY);
		if (fd < 0)
			die("%s: %s", g.path, strerror(errno));
		check_tail(&g, fd);
		close(fd);
	}
	pthread_join(writer, NULL);
	pthread_barrier_destroy(&g.start);

	fd = open(g.path, O_RDONLY);
	grown_content(file, wanted);
	if (read(fd, got, sizeof(got)) != GROW_TO || memcmp(got, wanted, GROW_TO))
		die("%s: wrong content after the race", g.path);
	close(fd);
}

static int grow_files(const char *dir, unsigned int files)
{
	signal(SIGALRM, hang);
	for (unsigned int file = 0; file < files; file++) {
		snprintf(doing, sizeof(doing), "grow %s", file_path(dir, file));
		alarm(HANG_S);
		grow_one(dir, file);
		alarm(0);
	}
	return 0;
}

static off_t growing_size(unsigned int file)
{
	(void)file;
	return GROW_FROM;
}

int main(int argc, char **argv)
{
	const char *what = argc > 3 ? argv[1] : "";
	unsigned int files = argc > 3 ? atoi(argv[3]) : 0;

	if (!strcmp(what, "make"))
		return make_files(argv[2], files, file_size);
	if (!strcmp(what, "make-growing"))
		return make_files(argv[2], files, growing_size);
	if (!strcmp(what, "grow"))
		return grow_files(argv[2], files);
	if (!strcmp(what, "read") && argc == 6)
		return read_files(argv[2], files, atoi(argv[4]), atoi(argv[5]));
	die("usage: see the top of racer.c");
}
