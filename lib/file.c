// SPDX-License-Identifier: GPL-2.0-or-later
/* What can be asked of one file, and done to it, but for eviction. */
#include <attr/libattr.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "engine/request.h"
#include "local/extent.h"
#include "local/lease.h"
#include "local/mtime.h"
#include "tree.h"

static const char *const state_names[] = {
	[HSM_OFFLINE] = "offline", [HSM_PARTIAL] = "partial",
	[HSM_ONLINE] = "online", [HSM_DIRTY] = "dirty",
	[HSM_LOCAL] = "local", [HSM_LOST] = "lost",
};

const char *hsm_state_name(enum hsm_state state)
{
	return state_names[state];
}

int hsm_state_parse(const char *name, enum hsm_state *out)
{
	size_t i;

	for (i = 0; i < sizeof(state_names) / sizeof(state_names[0]); i++)
		if (strcmp(name, state_names[i]) == 0) {
			*out = (enum hsm_state)i;
			return 0;
		}
	return -EINVAL;
}

static enum hsm_state state_of(struct hsm_facts *facts, uint64_t resident)
{
	if (!facts->ours)
		return HSM_LOCAL;
	if (resident >= (uint64_t)facts->st.st_size)
		facts->content = HSM_CONTENT_ALL;
	if (hsm_facts_dirty(facts))
		return HSM_DIRTY;
	/* Even where all is here: it is the only copy now. */
	if (facts->flags & HSM_FLAG_LOST)
		return HSM_LOST;
	if (facts->content == HSM_CONTENT_ALL || facts->flags & HSM_FLAG_WHOLE)
		return HSM_ONLINE;
	return resident ? HSM_PARTIAL : HSM_OFFLINE;
}

int hsm_file_info(struct hsm_file *file, struct hsm_file_info *out)
{
	struct hsm_facts facts;
	int ret = hsm_inspect(file->fd, file->tree->id, &facts);

	if (!ret && facts.unreadable)
		ret = -EBADMSG;
	if (!ret)
		ret = hsm_extent_resident(file->fd, (uint64_t)facts.st.st_size,
					  &out->resident);
	if (ret < 0)
		return ret;
	out->size = (uint64_t)facts.st.st_size;
	out->state = state_of(&facts, out->resident);
	out->pinned = facts.flags & HSM_FLAG_PIN;
	out->stale = facts.flags & HSM_FLAG_STALE;
	out->busy = facts.flags & HSM_FLAG_EVICT ||
		    ((out->state == HSM_OFFLINE || out->state == HSM_PARTIAL) &&
		     hsm_lease_writer(file->fd));
	return 0;
}

int hsm_file_hydrate(struct hsm_file *file, uint64_t off, uint64_t len)
{
	struct hsm_control_request request = { .off = off, .len = len };
	struct hsm_control_reply reply;
	struct hsm_engine *engine;
	int ret = hsm_tree_call(file->tree, HSM_CONTROL_HYDRATE, file->fd,
				&request, &reply, -1);

	if (ret != -ENOTCONN)
		return ret;
	ret = hsm_tree_engine(file->tree, 0, &engine);
	if (!ret)
		ret = hsm_handle_get(file->fd, &request.handle);
	return ret ? ret : hsm_request_hydrate(engine, &request.handle, off, len);
}

int hsm_file_pin(struct hsm_file *file, bool pinned)
{
	return pinned ? hsm_mark_set(file->fd, HSM_FLAG_PIN) :
			hsm_mark_clear(file->fd, HSM_FLAG_PIN);
}

int hsm_file_set_hydrate(struct hsm_file *file, enum hsm_hydrate_policy policy)
{
	int ret = hsm_mark_clear(file->fd, HSM_FLAG_FULL);

	if (!ret)
		ret = hsm_mark_clear(file->fd, HSM_FLAG_STREAM);
	if (!ret && policy == HSM_HYDRATE_FULL)
		ret = hsm_mark_set(file->fd, HSM_FLAG_FULL);
	if (!ret && policy == HSM_HYDRATE_STREAM)
		ret = hsm_mark_set(file->fd, HSM_FLAG_STREAM);
	return ret;
}

static int set_inherited(void *arg, struct hsm_file *file)
{
	enum hsm_hydrate_policy policy = *(enum hsm_hydrate_policy *)arg;
	unsigned int flags;
	int ret = hsm_mark_read(file->fd, NULL, &flags);

	if (ret == -ENODATA)
		return 0;
	if (!ret && policy != HSM_HYDRATE_DEFAULT &&
	    flags & (HSM_FLAG_FULL | HSM_FLAG_STREAM))
		return 0;
	return ret ? ret : hsm_file_set_hydrate(file, policy);
}

int hsm_directory_set_hydrate(struct hsm_session *session, const char *path,
			      enum hsm_hydrate_policy policy)
{
	return hsm_walk(session, path, set_inherited, NULL, &policy);
}

/* The marks changed: the server must hear of the file again. */
static int rearm(struct hsm_file *file)
{
	struct hsm_control_request request = { 0 };
	struct hsm_control_reply reply;
	int ret = hsm_tree_call(file->tree, HSM_CONTROL_REARM, file->fd,
				&request, &reply, 30000);

	return ret == -ENOTCONN ? 0 : ret;
}

/* What is here is the recorded version: holes are content, mtime is its. */
static int declare_clean(struct hsm_file *file, const struct hsm_mark *mark)
{
	struct timespec mtime = hsm_mark_mtime(mark);
	/* After a power loss holes of data that never came would be content. */
	int ret = fsync(file->fd) < 0 ? -errno : 0;

	if (!ret)
		ret = hsm_mark_set(file->fd, HSM_FLAG_WHOLE);
	if (!ret)
		ret = hsm_mark_clear(file->fd, HSM_FLAG_DIRTY);
	if (!ret)
		ret = hsm_mark_clear(file->fd, HSM_FLAG_CHANGED);
	if (!ret)
		ret = hsm_mtime_set(file->fd, &mtime);
	return ret ? ret : rearm(file);
}

int hsm_file_clean(struct hsm_file *file)
{
	struct hsm_facts facts;
	struct hsm_control_request request = { 0 };
	struct hsm_control_reply reply;
	uint64_t resident;
	int ret;

	if (hsm_lease_writer(file->fd))
		return -EBUSY;
	/* Modifications before this moment are noted before it, not after. */
	ret = hsm_tree_call(file->tree, HSM_CONTROL_EVICTING, file->fd, &request,
			    &reply, 30000);
	if (ret && ret != -ENOTCONN)
		return ret;
	ret = hsm_inspect(file->fd, file->tree->id, &facts);
	if (ret || !facts.ours)
		return ret ? ret : -ENODATA;
	if (!hsm_facts_dirty(&facts))
		return 0;
	if (hsm_facts_resized(&facts))
		return -EINVAL;
	/*
	 * Of a change that was not synced before a power loss there may be
	 * less than all; then holes are no content.
	 */
	ret = hsm_extent_resident(file->fd, (uint64_t)facts.st.st_size,
				  &resident);
	if (ret < 0)
		return ret;
	if (!(facts.flags & (HSM_FLAG_DIRTY | HSM_FLAG_WHOLE)) &&
	    resident < (uint64_t)facts.st.st_size) {
		ret = hsm_mark_clear(file->fd, HSM_FLAG_CHANGED);
		return ret ? ret : rearm(file);
	}
	return declare_clean(file, &facts.mark);
}

static int refresh(struct hsm_tree *tree, struct hsm_control_request *request,
		   bool *changed)
{
	struct hsm_control_reply reply = { 0 };
	struct hsm_engine *engine;
	int ret = hsm_tree_call(tree, HSM_CONTROL_REFRESH, -1, request, &reply,
				-1);

	*changed = reply.changed;
	if (ret != -ENOTCONN)
		return ret;
	ret = hsm_tree_engine(tree, 0, &engine);
	return ret ? ret :
		     hsm_request_refresh(engine, &request->handle, changed);
}

int hsm_file_refresh(struct hsm_file *file, bool *changed)
{
	struct hsm_control_request request = { 0 };
	int ret = hsm_handle_get(file->fd, &request.handle);
	int fd;

	if (ret < 0)
		return ret;
	/* The new version needs a lease: we must not be "in use" ourselves. */
	close(hsm_steal_fd(&file->fd));
	ret = refresh(file->tree, &request, changed);
	fd = hsm_handle_open(file->tree->root, &request.handle,
			     O_RDONLY | O_NOATIME);
	if (fd >= 0)
		file->fd = fd;
	return ret ? ret : fd < 0 ? fd : 0;
}

/* Which xattrs are marks: where from, which version, which policy. */
static int is_mark(const char *name, struct error_context *context)
{
	(void)context;
	return !strcmp(name, "trusted.hsm") || !strcmp(name, "trusted.hsm.pin") ||
	       !strcmp(name, "trusted.hsm.full") ||
	       !strcmp(name, "trusted.hsm.stream") ||
	       !strcmp(name, "trusted.hsm.dirty") ||
	       !strcmp(name, "trusted.hsm.changed");
}

int hsm_file_copy_marks(struct hsm_file *file, struct hsm_file *from)
{
	struct hsm_facts source, target;
	int ret = hsm_inspect(from->fd, from->tree->id, &source);

	if (!ret)
		ret = hsm_inspect(file->fd, file->tree->id, &target);
	if (ret)
		return ret;
	if (file->tree->id != from->tree->id)
		return -EXDEV;
	if (!source.ours)
		return -ENODATA;
	if (source.st.st_size != target.st.st_size)
		return -EINVAL;
	/* Half of one remote file must not be completed with another's. */
	if (target.ours && target.content == HSM_CONTENT_SOME)
		return -EBUSY;
	if (attr_copy_fd(from->path, from->fd, file->path, file->fd, is_mark,
			 NULL) < 0)
		return -errno;
	if (target.ours && target.content == HSM_CONTENT_NONE) {
		struct timespec mtime = hsm_mark_mtime(&source.mark);

		ret = hsm_mtime_set(file->fd, &mtime);
		return ret ? ret : rearm(file);
	}
	if (hsm_facts_dirty(&source))
		return rearm(file);
	return declare_clean(file, &source.mark);
}
