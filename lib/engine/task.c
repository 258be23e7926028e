// SPDX-License-Identifier: GPL-2.0-or-later
#include "engine/task.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/clock.h"

/*
 * A thread's alternate signal stack: a handler can run when the other one is
 * used up, and the kernel tells where it is (sigaltstack(2), ucontext_t), which
 * makes it the place from which a thread finds its task without a global.
 */
enum { STACK = 64 << 10 };

struct head {
	struct hsm_shared *shared;
	unsigned int index;
};

unsigned long long hsm_task_now(void)
{
	return (unsigned long long)hsm_clock_ns() / 1000000 + 1;
}

int hsm_task_register(struct hsm_shared *shared, unsigned int index)
{
	stack_t stack = { .ss_size = STACK };
	struct head *head;

	if (index >= HSM_TASKS)
		return -ERANGE;
	head = mmap(NULL, STACK, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (head == MAP_FAILED)
		return -errno;
	*head = (struct head){ shared, index };
	stack.ss_sp = head;
	return sigaltstack(&stack, NULL) < 0 ? -errno : 0;
}

static struct hsm_task *mine(void)
{
	stack_t stack;
	const struct head *head;

	if (sigaltstack(NULL, &stack) < 0 || stack.ss_flags & SS_DISABLE ||
	    stack.ss_size != STACK)
		return NULL;
	head = stack.ss_sp;
	return &head->shared->tasks[head->index];
}

void hsm_task_unregister(void)
{
	const stack_t none = { .ss_flags = SS_DISABLE };
	stack_t stack;

	if (mine() && sigaltstack(&none, &stack) == 0)
		munmap(stack.ss_sp, STACK);
}

void hsm_task_begin(const struct hsm_handle *handle, unsigned int patience_s)
{
	struct hsm_task *task = mine();
	unsigned long long now = hsm_task_now();

	if (!task)
		return;
	task->handle = *handle;
	atomic_store(&task->patience_s, patience_s);
	atomic_store(&task->step, now);
	/* Last: from here on a successor believes the rest. */
	atomic_store(&task->began, now);
}

void hsm_task_step(unsigned int patience_s)
{
	struct hsm_task *task = mine();

	if (!task)
		return;
	atomic_store(&task->step, hsm_task_now());
	atomic_store(&task->patience_s, patience_s);
}

void hsm_task_end(void)
{
	struct hsm_task *task = mine();

	if (task)
		atomic_store(&task->began, 0);
}

void hsm_task_writing(const struct hsm_handle *handle,
		      const struct timespec *mtime)
{
	struct hsm_task *task = mine();

	if (!task)
		return;
	task->written = *handle;
	task->mtime = *mtime;
	atomic_store(&task->writing, true);
}

void hsm_task_written(void)
{
	struct hsm_task *task = mine();

	if (task)
		atomic_store(&task->writing, false);
}

static void note_crash(int signo, siginfo_t *info, void *context)
{
	const stack_t *stack = &((ucontext_t *)context)->uc_stack;
	const struct head *head = stack->ss_sp;

	(void)info;
	if (head && !(stack->ss_flags & SS_DISABLE) && stack->ss_size == STACK) {
		atomic_store(&head->shared->culprit, (int)head->index + 1);
		atomic_store(&head->shared->cause, signo);
	}
	/* Once more, without us: as glibc's raise(), which a crash may break. */
	syscall(SYS_tgkill, getpid(), (pid_t)syscall(SYS_gettid), signo);
}

void hsm_task_catch_crashes(void)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGABRT, SIGILL,
				       SIGFPE, SIGSYS };
	struct sigaction action = {
		.sa_sigaction = note_crash,
		.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESETHAND,
	}, before;
	size_t i;

	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		/* A sanitizer has its own. */
		if (sigaction(signals[i], NULL, &before) == 0 &&
		    before.sa_handler == SIG_DFL)
			sigaction(signals[i], &action, NULL);
}

unsigned long long hsm_task_due(const struct hsm_task *task,
				unsigned int timeout_s)
{
	unsigned int patience_s = atomic_load(&task->patience_s);

	return atomic_load(&task->step) +
	       1000ULL * (patience_s > timeout_s ? patience_s : timeout_s);
}

int hsm_task_hangs(const struct hsm_shared *shared, unsigned long long since,
		   unsigned int timeout_s)
{
	unsigned long long now = hsm_task_now();
	int i;

	if (now <= since + timeout_s * 1000ULL)
		return 0;
	for (i = 0; i < HSM_TASKS; i++)
		/* Read last: a task that ended meanwhile does not hang. */
		if (now > hsm_task_due(&shared->tasks[i], timeout_s) &&
		    atomic_load(&shared->tasks[i].began))
			return i + 1;
	return 0;
}
