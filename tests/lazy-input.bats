# SPDX-License-Identifier: GPL-2.0-or-later
# fs: ext4
# takes: 25
#
# Issue 5: listings that nobody should have, in a tree that is served before it is
# listed.  LAZY_ENTRIES=10000000 makes the large one as large as that (on a file
# system with so many inodes).

load lib/helpers
load lib/hostile

setup() {
	dir=$(new_dir input)
	log=$BATS_TEST_TMPDIR/log
}

triggers() { # how many are below $dir
	grep -c " $dir/.* - autofs hsm " /proc/self/mountinfo || true
}

# The largest peak of memory of the processes that serve DIR, in KiB.
peak() { # DIR
	local pid
	for pid in $(hsm_pids "$1"); do
		awk '$1 == "VmHWM:" { print $2 }' "/proc/$pid/status"
	done | sort -n | tail -n 1
}

ENTRIES=${LAZY_ENTRIES:-100000}

@test "5 lazy input: a directory of very many entries: memory is bounded, others are not held up" {
	local reader small
	serve_lies "big/$ENTRIES" --namespace lazy
	bounded -"${LISTING_SECONDS:-60}" stat "$dir/huge/0000000000000007" >/dev/null 3>&- &
	reader=$!
	wait_for "the listing to begin" eval '[ "$(curl -sf "$url/count")" -ge 2 ]'
	small=$(peak "$dir")
	[ "$(bounded cat "$dir/small/in/file")" = true ]
	kill -0 $reader || fail "the large listing was over first"
	wait $reader
	[ "$(bounded -100 ls -U "$dir/huge" | wc -l)" = "$ENTRIES" ]
	echo "# $small KiB before, $(peak "$dir") KiB after" >&3
	(($(peak "$dir") < small + 8192)) || fail "$(peak "$dir") KiB"
}

@test "5 lazy input: a directory of very many directories: they are listed ahead, in parallel" {
	serve_lies dirs/500 --namespace lazy --max-triggers 0
	[ "$(triggers)" = 0 ]
	stop "$dir"
	dir=$(new_dir input)
	serve_lies dirs/3000 --namespace lazy --max-triggers 100
	(($(triggers) <= 100))
	[ "$(bounded ls -U "$dir" | wc -l)" = 3000 ]
	[ -z "$(bounded ls "$dir/00000bb7")" ]
}

@test "5 lazy input: a directory that contains itself: listed where somebody walks, and cut after a few levels" {
	local before kind
	for kind in lazy crawl; do
		before=$(curl -sf "$url/count")
		serve_lies itself --namespace $kind
		[ "$(bounded cat "$dir/again/once-more/file")" = true ]
		[[ $kind == crawl ]] || (($(curl -sf "$url/count") - before == 3))
		[ "$(bounded find "$dir" -name file | wc -l)" -gt 3 ]
		wait_for "the end of the triggers" eval '[ "$(triggers)" = 0 ]'
		(($(curl -sf "$url/count") - before < 100))
		grep -q "contains itself" "$log"
		stop "$dir"
		dir=$(new_dir input)
	done
}

@test "5 lazy input: directories that are nested 10,000 deep: cut, and said" {
	local kind
	for kind in lazy crawl; do
		serve_lies deep --namespace $kind
		[[ $kind == crawl ]] || bounded find "$dir" >/dev/null
		wait_for "the end of the triggers" eval '[ "$(triggers)" = 0 ]'
		[ "$(find "$dir" -name .hsm -prune -o -type d -print | wc -l)" = 129 ]
		grep -q "nested too deep" "$log"
		stop "$dir"
		dir=$(new_dir input)
	done
}

@test "5 lazy input: a file that is a directory at the next listing, and the reverse" {
	serve_lies flip --namespace lazy
	[ "$(bounded cat "$dir/same")" = true ]
	[ -f "$dir/one" ] && [ -d "$dir/two" ]
	curl -sf "$url/flip" >/dev/null
	hsm-mark -q --refresh "$dir"
	# Nothing of them was here: they are now what they are there.
	[ "$(bounded cat "$dir/one/inside")" = true ]
	[ "$(bounded cat "$dir/two")" = true ]
	[ "$(triggers)" = "$(status "$dir" triggers)" ]
}

@test "5 lazy input: a file with content stays a file when the remote has a directory there" {
	serve_lies flip --namespace lazy
	# The listing of the test before may have been the other one.
	file=$([ -f "$dir/one" ] && echo one || echo two)
	[ "$(bounded cat "$dir/$file")" = true ]
	curl -sf "$url/flip" >/dev/null
	hsm-mark -q --refresh "$dir"
	[ "$(bounded cat "$dir/$file")" = true ]
}
