/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the fuzzers share.  Each is a libFuzzer program: it must not crash, read
 * what is not its own, leak, hang, or break what it asserts.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define fuzz_assert(condition) \
	do { \
		if (!(condition)) { \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, \
				#condition); \
			abort(); \
		} \
	} while (0)

/* Read all of it, so that the sanitizer sees whether it is there. */
static inline void fuzz_use(const void *at, size_t len)
{
	volatile unsigned char sum = 0;
	const unsigned char *p = at;

	while (len--)
		sum ^= *p++;
	(void)sum;
}

/* The bytes as a string of the heap, for the caller to free. */
static inline char *fuzz_string(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	fuzz_assert(text);
	memcpy(text, data, size);
	text[size] = '\0';
	return text;
}

#endif
