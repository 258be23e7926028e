// SPDX-License-Identifier: GPL-2.0-or-later
/* lib/stage/decide.h: every verdict and the rules that lead to it. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stage/decide.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

enum { SIZE = 1 << 20, ABOVE = 1 << 16 };

#define NONE HSM_CONTENT_NONE
#define SOME HSM_CONTENT_SOME
#define ALL HSM_CONTENT_ALL
#define READ_ONLY HSM_CALL_OPEN, O_RDONLY | O_CLOEXEC

struct file_case {
	bool foreign, unreadable;
	unsigned int flags;
	enum hsm_content content;
	int64_t size, recorded;
	blkcnt_t blocks;
};

/* A placeholder of `size` bytes with nothing in it. */
static struct hsm_facts facts_of(const struct file_case *file)
{
	return (struct hsm_facts){
		.st = { .st_size = file->size, .st_blocks = file->blocks },
		.ours = !file->foreign,
		.unreadable = file->unreadable,
		.flags = file->flags,
		.content = file->content,
		.mark.version.size = file->recorded,
	};
}

static enum hsm_verdict decide(const struct file_case *file,
			       const struct hsm_event *event,
			       struct hsm_request request)
{
	static const struct hsm_policy policy = { .stream_above = ABOVE };
	struct hsm_facts facts = facts_of(file);

	request.event = event;
	return hsm_decide(&facts, &request, &policy);
}

static const struct file_case large = { .size = SIZE, .recorded = SIZE };
static const struct file_case small = { .size = ABOVE, .recorded = ABOVE };

/* What the file says alone, whatever is done with it. */
static void test_file(void **state)
{
	static const struct {
		struct file_case file;
		enum hsm_verdict verdict;
	} cases[] = {
		{ { .unreadable = true }, HSM_VERDICT_REFUSE },
		{ { .unreadable = true, .foreign = true }, HSM_VERDICT_REFUSE },
		{ { .unreadable = true, .flags = HSM_FLAG_DIRTY },
		  HSM_VERDICT_REFUSE },
		{ { .foreign = true, .size = 1 }, HSM_VERDICT_FORGET },
		{ { .flags = HSM_FLAG_DIRTY, .size = 1, .recorded = 1 },
		  HSM_VERDICT_FORGET },
		{ { .flags = HSM_FLAG_DIRTY | HSM_FLAG_WHOLE, .size = 1 },
		  HSM_VERDICT_FORGET },
		{ { .flags = HSM_FLAG_DIRTY, .content = ALL },
		  HSM_VERDICT_FORGET },
		{ { .flags = HSM_FLAG_WHOLE, .size = 1, .recorded = 1 },
		  HSM_VERDICT_FORGET },
		{ { .flags = HSM_FLAG_WHOLE, .size = 1, .recorded = 2 },
		  HSM_VERDICT_FORGET },
		{ { .content = ALL, .size = 1, .recorded = 1 },
		  HSM_VERDICT_QUIET },
		{ { .content = ALL, .flags = HSM_FLAG_STALE | HSM_FLAG_LOST },
		  HSM_VERDICT_QUIET },
	};
	static const struct hsm_event events[] = {
		{ .open = true },
		{ .open = true, .exec = true },
		{ .count = 4096 },
		{ .count = 0 },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++)
		for (size_t j = 0; j < LENGTH(events); j++)
			if (decide(&cases[i].file, &events[j],
				   (struct hsm_request){ .writer = false }) !=
			    cases[i].verdict)
				fail_msg("case %zu, event %zu", i, j);
}

/* Of a complete file that is open for writing. */
static void test_hole(void **state)
{
	static const struct file_case
		complete = { .content = ALL, .size = SIZE, .recorded = SIZE },
		sealed = { .content = ALL, .size = SIZE, .recorded = SIZE,
			   .flags = HSM_FLAG_WHOLE };
	const struct hsm_event open = { .open = true }, punch = { .count = 1 };
	const struct hsm_request writer = { .call = HSM_CALL_OTHER,
					    .writer = true };

	(void)state;
	assert_int_equal(decide(&complete, &punch, writer), HSM_VERDICT_SEAL);
	assert_int_equal(decide(&complete, &open, writer), HSM_VERDICT_QUIET);
	assert_int_equal(decide(&sealed, &punch, writer), HSM_VERDICT_FORGET);
}

static void test_open(void **state)
{
	static const struct file_case
		reserved = { .size = SIZE, .recorded = SIZE, .content = SOME,
			     .blocks = SIZE / 512 },
		nearly = { .size = SIZE, .recorded = SIZE, .content = SOME,
			   .blocks = SIZE / 512 - 1 },
		shorter = { .size = 1, .recorded = SIZE },
		shorter_full = { .size = 1, .recorded = SIZE, .content = ALL },
		longer = { .size = SIZE + 1, .recorded = SIZE };
	static const struct {
		const struct file_case *file;
		enum hsm_call call;
		int flags;
		enum hsm_verdict verdict;
	} cases[] = {
		/* May hold write access to the file system: never waits. */
		{ &small, HSM_CALL_OPEN, O_RDONLY | O_TRUNC, HSM_VERDICT_ADMIT },
		{ &small, HSM_CALL_OPEN, O_WRONLY | O_TRUNC, HSM_VERDICT_ADMIT },
		{ &small, HSM_CALL_OPEN, O_RDWR | O_TRUNC, HSM_VERDICT_ADMIT },
		{ &shorter, HSM_CALL_OPEN, O_RDWR | O_TRUNC, HSM_VERDICT_ADMIT },
		{ &small, HSM_CALL_UNKNOWN, 0, HSM_VERDICT_ADMIT },
		{ &small, HSM_CALL_OTHER, 0, HSM_VERDICT_ADMIT },
		{ &small, HSM_CALL_READ, 0, HSM_VERDICT_ADMIT },
		{ &large, HSM_CALL_TRUNCATE, 0, HSM_VERDICT_ADMIT },
		/* Writers. */
		{ &small, HSM_CALL_OPEN, O_WRONLY, HSM_VERDICT_ADMIT },
		{ &large, HSM_CALL_OPEN, O_WRONLY | O_CREAT, HSM_VERDICT_ADMIT },
		{ &small, HSM_CALL_OPEN, O_RDWR, HSM_VERDICT_SEAL },
		{ &large, HSM_CALL_OPEN, O_RDWR | O_CREAT, HSM_VERDICT_SEAL },
		{ &reserved, HSM_CALL_OPEN, O_RDWR, HSM_VERDICT_SEAL },
		/* Changed while nobody served it. */
		{ &shorter, READ_ONLY, HSM_VERDICT_SEAL },
		{ &shorter_full, READ_ONLY, HSM_VERDICT_SEAL },
		{ &longer, READ_ONLY, HSM_VERDICT_SEAL },
		{ &longer, HSM_CALL_OPEN, O_WRONLY, HSM_VERDICT_SEAL },
		/* Readers. */
		{ &small, READ_ONLY, HSM_VERDICT_FILL_WHOLE },
		{ &large, READ_ONLY, HSM_VERDICT_RESERVE },
		{ &nearly, READ_ONLY, HSM_VERDICT_RESERVE },
		{ &reserved, READ_ONLY, HSM_VERDICT_ALLOW },
	};
	static const struct hsm_event event = { .open = true };

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++)
		if (decide(cases[i].file, &event,
			   (struct hsm_request){
				   .call = cases[i].call,
				   .open_flags = cases[i].flags,
			   }) != cases[i].verdict)
			fail_msg("case %zu", i);
}

/* Which readers' opens bring all of the file. */
static void test_whole(void **state)
{
	static const struct {
		int64_t size;
		unsigned int flags;
		bool exec, wants_whole;
		enum hsm_verdict verdict;
	} cases[] = {
		{ SIZE, 0, true, false, HSM_VERDICT_FILL_WHOLE },
		{ SIZE, HSM_FLAG_STREAM, true, false, HSM_VERDICT_FILL_WHOLE },
		{ SIZE, 0, false, true, HSM_VERDICT_FILL_WHOLE },
		{ SIZE, HSM_FLAG_STREAM, false, true, HSM_VERDICT_FILL_WHOLE },
		{ SIZE, HSM_FLAG_FULL, false, false, HSM_VERDICT_FILL_WHOLE },
		{ SIZE, HSM_FLAG_FULL | HSM_FLAG_STREAM, false, false,
		  HSM_VERDICT_FILL_WHOLE },
		{ SIZE, HSM_FLAG_STREAM, false, false, HSM_VERDICT_RESERVE },
		{ 1, HSM_FLAG_STREAM, false, false, HSM_VERDICT_RESERVE },
		{ 1, HSM_FLAG_FULL, false, false, HSM_VERDICT_FILL_WHOLE },
		{ ABOVE, 0, false, false, HSM_VERDICT_FILL_WHOLE },
		{ ABOVE + 1, 0, false, false, HSM_VERDICT_RESERVE },
		{ SIZE, HSM_FLAG_PIN, false, false, HSM_VERDICT_RESERVE },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct file_case file = { .size = cases[i].size,
					  .recorded = cases[i].size,
					  .flags = cases[i].flags };
		struct hsm_event event = { .open = true,
					   .exec = cases[i].exec };

		if (decide(&file, &event,
			   (struct hsm_request){
				   .call = HSM_CALL_OPEN,
				   .wants_whole = cases[i].wants_whole,
			   }) != cases[i].verdict)
			fail_msg("case %zu", i);
	}
}

static void test_access(void **state)
{
	static const struct file_case shorter = { .size = 1, .recorded = SIZE };
	static const struct {
		const struct file_case *file;
		enum hsm_call call;
		uint64_t off, count;
		bool writer;
		enum hsm_verdict verdict;
	} cases[] = {
		{ &large, HSM_CALL_READ, 0, 4096, false, HSM_VERDICT_FILL },
		{ &small, HSM_CALL_READ, 8192, 4096, false, HSM_VERDICT_FILL },
		{ &large, HSM_CALL_OTHER, 0, SIZE, false, HSM_VERDICT_FILL },
		{ &large, HSM_CALL_UNKNOWN, 0, 4096, false, HSM_VERDICT_FILL },
		/* A read of nothing; but who knows what else asks for that. */
		{ &large, HSM_CALL_READ, 4096, 0, false, HSM_VERDICT_ALLOW },
		{ &large, HSM_CALL_READ, 4096, 0, true, HSM_VERDICT_ALLOW },
		{ &large, HSM_CALL_OTHER, 0, 0, false, HSM_VERDICT_SEAL },
		{ &large, HSM_CALL_UNKNOWN, SIZE, 0, false, HSM_VERDICT_SEAL },
		{ &large, HSM_CALL_TRUNCATE, 0, 0, false, HSM_VERDICT_SEAL },
		{ &large, HSM_CALL_TRUNCATE, 4096, 4096, false,
		  HSM_VERDICT_SEAL },
		/* Somebody may write, perhaps this one. */
		{ &large, HSM_CALL_OTHER, 0, 4096, true, HSM_VERDICT_SEAL },
		{ &large, HSM_CALL_READ, 0, 4096, true, HSM_VERDICT_SEAL },
		{ &shorter, HSM_CALL_READ, 0, 4096, false, HSM_VERDICT_SEAL },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct hsm_event event = { .off = cases[i].off,
					   .count = cases[i].count };

		if (decide(cases[i].file, &event,
			   (struct hsm_request){
				   .call = cases[i].call,
				   .writer = cases[i].writer,
			   }) != cases[i].verdict)
			fail_msg("case %zu", i);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_hole),
		cmocka_unit_test(test_open),
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_access),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
