// SPDX-License-Identifier: GPL-2.0-or-later
#include "archive/attr.h"

#include <archive.h>
#include <endian.h>
#include <errno.h>
#include <linux/limits.h>
#include <linux/posix_acl_xattr.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "base/cleanup.h"
#include "base/fd.h"

static bool begins(const char *name, const char *with)
{
	return !strncmp(name, with, strlen(with));
}

static bool wanted(const char *name)
{
	/* xfs shows its ACLs once more, as trusted.SGI_ACL_FILE. */
	if (!strcmp(name, "trusted.hsm") || begins(name, "trusted.hsm.") ||
	    begins(name, "trusted.SGI_ACL_"))
		return false;
	return begins(name, "user.") || begins(name, "security.") ||
	       begins(name, "trusted.");
}

/* <linux/posix_acl_xattr.h>; the tags are those of <linux/posix_acl.h>. */
static int tag_of(unsigned int tag)
{
	switch (tag) {
	case 0x01:
		return ARCHIVE_ENTRY_ACL_USER_OBJ;
	case 0x02:
		return ARCHIVE_ENTRY_ACL_USER;
	case 0x04:
		return ARCHIVE_ENTRY_ACL_GROUP_OBJ;
	case 0x08:
		return ARCHIVE_ENTRY_ACL_GROUP;
	case 0x10:
		return ARCHIVE_ENTRY_ACL_MASK;
	case 0x20:
		return ARCHIVE_ENTRY_ACL_OTHER;
	}
	return -1;
}

static int add_acl(struct archive_entry *entry, int type,
		   const unsigned char *value, size_t len)
{
	struct posix_acl_xattr_header head;
	struct posix_acl_xattr_entry one;
	size_t at = sizeof(head);

	if (len < sizeof(head))
		return -EBADMSG;
	memcpy(&head, value, sizeof(head));
	if (le32toh(head.a_version) != POSIX_ACL_XATTR_VERSION ||
	    (len - at) % sizeof(one))
		return -EBADMSG;
	for (; at < len; at += sizeof(one)) {
		int tag;

		memcpy(&one, value + at, sizeof(one));
		tag = tag_of(le16toh(one.e_tag));
		/* The bits of rwx are the same. */
		if (tag < 0 ||
		    archive_entry_acl_add_entry(entry, type,
						le16toh(one.e_perm), tag,
						(int)le32toh(one.e_id),
						NULL) < ARCHIVE_WARN)
			return -EBADMSG;
	}
	return 0;
}

static int add(struct archive_entry *entry, const char *name,
	       const unsigned char *value, size_t len)
{
	if (!strcmp(name, "system.posix_acl_access"))
		return add_acl(entry, ARCHIVE_ENTRY_ACL_TYPE_ACCESS, value, len);
	if (!strcmp(name, "system.posix_acl_default"))
		return add_acl(entry, ARCHIVE_ENTRY_ACL_TYPE_DEFAULT, value,
			       len);
	if (wanted(name))
		archive_entry_xattr_add_entry(entry, name, value, len);
	return 0;
}

int hsm_archive_attr_read(int fd, struct archive_entry *entry)
{
	HSM_FREE char *names = malloc(XATTR_LIST_MAX);
	HSM_FREE unsigned char *value = malloc(XATTR_SIZE_MAX);
	const char *name;
	char path[HSM_FD_LINK];
	ssize_t len, n;
	int ret = 0;

	if (!names || !value)
		return -ENOMEM;
	hsm_fd_link(fd, path);
	len = listxattr(path, names, XATTR_LIST_MAX);
	if (len < 0)
		return errno == EOPNOTSUPP ? 0 : -errno;
	for (name = names; !ret && name < names + len;
	     name += strlen(name) + 1) {
		n = getxattr(path, name, value, XATTR_SIZE_MAX);
		if (n >= 0)
			ret = add(entry, name, value, (size_t)n);
		else if (errno != ENODATA && errno != EOPNOTSUPP)
			ret = -errno;
	}
	return ret;
}
