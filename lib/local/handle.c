// SPDX-License-Identifier: GPL-2.0-or-later
#include "local/handle.h"

#include <errno.h>
#include <string.h>

#include "base/hash.h"

struct kernel_handle {
	struct file_handle head;
	unsigned char data[HSM_HANDLE_MAX];
};

static void take(struct hsm_handle *out, const struct file_handle *head)
{
	memset(out, 0, sizeof(*out));
	out->bytes = head->handle_bytes;
	out->type = head->handle_type;
	memcpy(out->data, head->f_handle, out->bytes);
}

int hsm_handle_get(int fd, struct hsm_handle *out)
{
	struct kernel_handle kernel = {
		.head.handle_bytes = HSM_HANDLE_MAX,
	};
	int mount_id;

	if (name_to_handle_at(fd, "", &kernel.head, &mount_id, AT_EMPTY_PATH) < 0)
		return -errno;
	take(out, &kernel.head);
	return 0;
}

int hsm_handle_open(int mount_fd, const struct hsm_handle *handle, int flags)
{
	struct kernel_handle kernel = {
		.head.handle_bytes = handle->bytes,
		.head.handle_type = handle->type,
	};
	int fd;

	memcpy(kernel.head.f_handle, handle->data, handle->bytes);
	fd = open_by_handle_at(mount_fd, &kernel.head, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

const char *hsm_handle_parse(const void *from, size_t len,
			     struct hsm_handle *out)
{
	const struct file_handle *head = from;

	if (len < sizeof(*head) || head->handle_bytes > HSM_HANDLE_MAX ||
	    len - sizeof(*head) < head->handle_bytes)
		return NULL;
	take(out, head);
	return (const char *)head->f_handle + out->bytes;
}

uint32_t hsm_handle_hash(const struct hsm_handle *handle)
{
	uint64_t hash = hsm_hash(HSM_HASH, handle->data, handle->bytes);

	return (uint32_t)(hash ^ hash >> 32);
}

bool hsm_handle_equal(const struct hsm_handle *a, const struct hsm_handle *b)
{
	return a->bytes == b->bytes && a->type == b->type &&
	       memcmp(a->data, b->data, a->bytes) == 0;
}
