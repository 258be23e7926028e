// SPDX-License-Identifier: GPL-2.0-or-later
/* A file of the journal: records, and then whatever a crash left. */
#include "fuzz.h"
#include "journal/record.h"

static void check(const struct hsm_record *record)
{
	static unsigned char buffer[HSM_RECORD_MAX];
	struct hsm_record again;
	size_t len;

	fuzz_assert(record->parent.bytes <= HSM_HANDLE_MAX &&
		    record->parent2.bytes <= HSM_HANDLE_MAX &&
		    record->inode.bytes <= HSM_HANDLE_MAX);
	fuzz_use(record->name, record->name_len);
	fuzz_use(record->name2, record->name2_len);
	len = hsm_record_encode(record, buffer);
	fuzz_assert(len <= sizeof(buffer));
	fuzz_assert(hsm_record_decode(&again, buffer, len) == (long)len);
	fuzz_assert(again.what == record->what &&
		    again.name_len == record->name_len &&
		    again.name2_len == record->name2_len &&
		    !memcmp(again.name, record->name, record->name_len));
}

/* The checksum keeps a fuzzer out: give it one that is right. */
static void decode_payload(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hsm_record record;
	size_t pos = 0;
	long len;

	while ((len = hsm_record_decode(&record, data + pos, size - pos)) > 0) {
		fuzz_assert((size_t)len <= size - pos);
		check(&record);
		pos += (size_t)len;
	}
	decode_payload(data, size);
	return 0;
}

/* CRC-32C, a bit at a time: a second opinion on the library's, too. */
static uint32_t checksum(const uint8_t *at, size_t len)
{
	uint32_t crc = ~0u;

	while (len--) {
		crc ^= *at++;
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return ~crc;
}

static void decode_payload(const uint8_t *data, size_t size)
{
	uint32_t head[2] = { (uint32_t)size, checksum(data, size) };
	uint8_t *framed = malloc(sizeof(head) + size);
	struct hsm_record record;

	fuzz_assert(framed);
	memcpy(framed, head, sizeof(head));
	memcpy(framed + sizeof(head), data, size);
	if (hsm_record_decode(&record, framed, sizeof(head) + size) > 0)
		check(&record);
	free(framed);
}
