// SPDX-License-Identifier: GPL-2.0-or-later
#include "journal/record.h"

#include <errno.h>
#include <string.h>

enum { FRAME = 8 };

/* CRC-32C, four bits at a time. */
static uint32_t checksum(const unsigned char *p, size_t len)
{
	static const uint32_t table[16] = {
		0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1,
		0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
		0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
		0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
	};
	uint32_t crc = ~0u;

	while (len--) {
		crc ^= *p++;
		crc = table[crc & 15] ^ (crc >> 4);
		crc = table[crc & 15] ^ (crc >> 4);
	}
	return ~crc;
}

static unsigned char *put(unsigned char *to, const void *from, size_t len)
{
	if (len)
		memcpy(to, from, len);
	return to + len;
}

static unsigned char *put_handle(unsigned char *to, const struct hsm_handle *h)
{
	uint32_t head[2] = { h->bytes, (uint32_t)h->type };

	return put(put(to, head, sizeof(head)), h->data, h->bytes);
}

size_t hsm_record_encode(const struct hsm_record *record, void *buf)
{
	unsigned char *start = buf, *to = start + FRAME;
	uint32_t frame[2];

	to = put(to, &record->what, sizeof(record->what));
	to = put_handle(to, &record->parent);
	to = put_handle(to, &record->parent2);
	to = put_handle(to, &record->inode);
	to = put(to, &record->name_len, sizeof(record->name_len));
	to = put(to, &record->name2_len, sizeof(record->name2_len));
	to = put(to, record->name, record->name_len);
	to = put(to, record->name2, record->name2_len);
	frame[0] = (uint32_t)(to - start - FRAME);
	frame[1] = checksum(start + FRAME, frame[0]);
	memcpy(start, frame, FRAME);
	return (size_t)(to - start);
}

struct input {
	const unsigned char *at, *end;
};

static bool take(struct input *in, void *to, size_t len)
{
	if ((size_t)(in->end - in->at) < len)
		return false;
	memcpy(to, in->at, len);
	in->at += len;
	return true;
}

static bool take_handle(struct input *in, struct hsm_handle *h)
{
	uint32_t head[2];

	if (!take(in, head, sizeof(head)) || head[0] > HSM_HANDLE_MAX)
		return false;
	h->bytes = head[0];
	h->type = (int)head[1];
	return take(in, h->data, h->bytes);
}

long hsm_record_decode(struct hsm_record *record, const void *buf, size_t len)
{
	struct input in = { buf, (const unsigned char *)buf + len };
	uint32_t frame[2];

	memset(record, 0, sizeof(*record));
	if (!len)
		return 0;
	if (!take(&in, frame, FRAME) || frame[0] > HSM_RECORD_MAX - FRAME ||
	    frame[0] > (size_t)(in.end - in.at) ||
	    checksum(in.at, frame[0]) != frame[1])
		return -EBADMSG;
	in.end = in.at + frame[0];
	if (!take(&in, &record->what, sizeof(record->what)) ||
	    !take_handle(&in, &record->parent) ||
	    !take_handle(&in, &record->parent2) ||
	    !take_handle(&in, &record->inode) ||
	    !take(&in, &record->name_len, sizeof(record->name_len)) ||
	    !take(&in, &record->name2_len, sizeof(record->name2_len)) ||
	    in.end - in.at != record->name_len + record->name2_len)
		return -EBADMSG;
	record->name = (const char *)in.at;
	record->name2 = record->name + record->name_len;
	return FRAME + (long)frame[0];
}
