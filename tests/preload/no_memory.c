// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * For LD_PRELOAD: memory allocations that fail at random.
 *
 * NO_MEMORY names a file of 16 bytes that all processes share: two numbers, how often
 * an allocation is to fail (one of so many, 0: never), which a test may change at any
 * time, and how many have failed so far.  Only threads of a worker fail: guard
 * and standby allocate nothing once they run, and the commands are not meant.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

struct shared {
	_Atomic uint64_t one_of, failed;
};

static struct shared *shared;

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

__attribute__((constructor)) static void attach(void)
{
	const char *path = getenv("NO_MEMORY");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *at = fd < 0 ? MAP_FAILED :
			    mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
				 MAP_SHARED, fd, 0);

	if (at != MAP_FAILED)
		shared = at;
	if (fd >= 0)
		close(fd);
}

static bool in_worker(void)
{
	char name[16] = "";

	return prctl(PR_GET_NAME, name) == 0 && !strcmp(name, "hsm-worker");
}

static bool fails(void)
{
	static _Thread_local uint64_t state;
	uint64_t one_of = shared ? atomic_load(&shared->one_of) : 0;

	if (!one_of)
		return false;
	/* Knuth's MMIX generator; another sequence in each thread. */
	if (!state)
		state = (uint64_t)(uintptr_t)&state ^
			(uint64_t)getpid() << 32;
	state = state * UINT64_C(6364136223846793005) +
		UINT64_C(1442695040888963407);
	if ((state >> 33) % one_of || !in_worker())
		return false;
	atomic_fetch_add(&shared->failed, 1);
	errno = ENOMEM;
	return true;
}

void *malloc(size_t size)
{
	return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	return fails() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
	return fails() ? NULL : __libc_realloc(old, size);
}
