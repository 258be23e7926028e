// SPDX-License-Identifier: GPL-2.0-or-later
#include "stage/walker.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

/* A path in the memory of another process, up to its NUL. */
static bool read_string(int mem, unsigned long address, char *out)
{
	size_t len = 0;

	while (len < PATH_MAX) {
		/* A page at a time: the next one may not be there. */
		size_t part = 4096 - (address + len) % 4096;
		ssize_t got;

		if (part > PATH_MAX - len)
			part = PATH_MAX - len;
		got = pread(mem, out + len, part, (off_t)(address + len));
		if (got <= 0)
			return false;
		if (memchr(out + len, '\0', (size_t)got))
			return true;
		len += (size_t)got;
	}
	return false;
}

/* Calls that look into the directory at the end of their path. */
static bool enters(long number)
{
	switch (number) {
#ifdef SYS_open
	case SYS_open:
#endif
	case SYS_openat:
	case SYS_openat2:
	case SYS_chdir:
	case SYS_chroot:
	case SYS_statfs:
	case SYS_mount:
	case SYS_open_tree:
		return true;
	}
	return false;
}

void hsm_walker_look(int tid, struct hsm_walker *out)
{
	HSM_CLOSE int call = -1, mem = -1;
	unsigned long args[5];
	char path[64], text[256];
	long number;
	ssize_t len;
	size_t i;

	out->count = 0;
	out->enters = false;
	snprintf(path, sizeof(path), "/proc/%d/syscall", tid);
	call = tid > 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	len = call < 0 ? -1 : read(call, text, sizeof(text) - 1);
	if (len <= 0)
		return;
	text[len] = '\0';
	if (sscanf(text, "%ld %lx %lx %lx %lx %lx", &number, &args[0], &args[1],
		   &args[2], &args[3], &args[4]) != 6)
		return;
	out->enters = enters(number);
	snprintf(path, sizeof(path), "/proc/%d/mem", tid);
	mem = open(path, O_RDONLY | O_CLOEXEC);
	for (i = 0; mem >= 0 && i < 5 && out->count < HSM_WALKER_PATHS; i++)
		if (args[i] > PATH_MAX &&
		    read_string(mem, args[i], out->paths[out->count]))
			out->count++;
}

const char *hsm_walker_rest(const char **from, const char *name)
{
	size_t len = strlen(name);

	while (*from && **from) {
		const char *part = *from + strspn(*from, "/");
		size_t size = strcspn(part, "/");

		*from = part + size;
		if (size == len && !strncmp(part, name, len))
			return part + size + strspn(part + size, "/");
	}
	return NULL;
}
