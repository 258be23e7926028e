// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Many readers at a time, each a thread with a small stack that reads one file
 * once and compares it: waiters DIR ORIGINAL FILES THREADS
 *
 * Thread N reads file N % FILES.  Prints how many were right; anything else, and
 * a thread that cannot be made, is a failure.  A process has some thousand of them:
 * each stack takes two of its mappings (vm.max_map_count).
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STACK = 32 << 10, LARGEST = 8192, EACH = 10000 };

struct result {
	atomic_uint right, wrong;
};

static const char *dir, *original;
static unsigned int files;
static struct result *result;

static ssize_t read_file(const char *root, unsigned int file, char *buf)
{
	char path[256];
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "%s/%u", root, file);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return -errno;
	len = read(fd, buf, LARGEST);
	if (len < 0)
		len = -errno;
	close(fd);
	return len;
}

static void *run(void *arg)
{
	unsigned int file = (unsigned int)(size_t)arg % files;
	char here[LARGEST], there[LARGEST];
	ssize_t len = read_file(dir, file, here);

	if (len > 0 && read_file(original, file, there) == len &&
	    !memcmp(here, there, (size_t)len)) {
		atomic_fetch_add(&result->right, 1);
	} else {
		atomic_fetch_add(&result->wrong, 1);
		fprintf(stderr, "waiters: %u: %zd %s\n", file, len,
			len < 0 ? strerror((int)-len) : "wrong bytes");
	}
	return NULL;
}

/* Threads FIRST to END, in this process; returns its exit status. */
static int run_threads(unsigned int first, unsigned int end)
{
	pthread_t *threads = calloc(end - first, sizeof(*threads));
	pthread_attr_t attributes;
	unsigned int i;

	if (!threads)
		return 2;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK);
	for (i = first; i < end; i++) {
		int ret = pthread_create(&threads[i - first], &attributes, run,
					 (void *)(size_t)i);

		if (ret) {
			fprintf(stderr, "waiters: thread %u: %s\n", i,
				strerror(ret));
			return 1;
		}
	}
	for (i = first; i < end; i++)
		pthread_join(threads[i - first], NULL);
	return 0;
}

int main(int argc, char **argv)
{
	unsigned int count = argc == 5 ? (unsigned int)atoi(argv[4]) : 0, i;
	int status, failed = 0;

	result = mmap(NULL, sizeof(*result), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (!count || result == MAP_FAILED)
		return 2;
	dir = argv[1];
	original = argv[2];
	files = (unsigned int)atoi(argv[3]);
	for (i = 0; i < count; i += EACH) {
		unsigned int end = count - i < EACH ? count : i + EACH;
		pid_t child = fork();

		if (child < 0)
			return 2;
		if (!child)
			_exit(run_threads(i, end));
	}
	while (wait(&status) > 0)
		failed |= status;
	printf("%u\n", result->right);
	return failed || result->wrong ? 1 : 0;
}
