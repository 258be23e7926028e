// SPDX-License-Identifier: GPL-2.0-or-later
#include "local/handle.h"

#include <errno.h>
#include <string.h>

struct kernel_handle {
	struct file_handle head;
	unsigned char data[HSM_HANDLE_MAX];
};

int hsm_handle_get(int fd, struct hsm_handle *out)
{
	struct kernel_handle kernel = {
		.head.handle_bytes = HSM_HANDLE_MAX,
	};
	int mount_id;

	if (name_to_handle_at(fd, "", &kernel.head, &mount_id, AT_EMPTY_PATH) < 0)
		return -errno;
	memset(out, 0, sizeof(*out));
	out->bytes = kernel.head.handle_bytes;
	out->type = kernel.head.handle_type;
	memcpy(out->data, kernel.head.f_handle, out->bytes);
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

bool hsm_handle_equal(const struct hsm_handle *a, const struct hsm_handle *b)
{
	return a->bytes == b->bytes && a->type == b->type &&
	       memcmp(a->data, b->data, a->bytes) == 0;
}
