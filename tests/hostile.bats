# SPDX-License-Identifier: GPL-2.0-or-later
# fs: ext4
#
# A remote that lies about what it has.  HOSTILE_ENTRIES=10000000 makes the large
# listings as large as that (on a file system with so many inodes).

load lib/helpers
load lib/hostile

setup() {
	dir=$(new_dir hostile)
	log=$BATS_TEST_TMPDIR/log
}

# The same in the foreground, by somebody who sees at the end how much memory the
# server and its children had.
serve_measured() { # PATH
	echo "$dir" >>"$(scope)/served"
	python3 - "$BATS_TEST_TMPDIR/peak" hsm-serve --retries 0 --log-file "$log" \
		"$url/$1/" "$dir" <<-'EOT' >"$(serve_log "$dir")" 2>&1 3>&- &
		import os, sys
		pid = os.spawnvp(os.P_NOWAIT, sys.argv[2], sys.argv[2:])
		peak = os.wait4(pid, 0)[2].ru_maxrss
		with open(sys.argv[1], "w") as file:
		    print(peak // 1024, file=file)
	EOT
	bounded -"${LISTING_SECONDS:-60}" sh -c "until mountpoint -q '$dir'; do sleep 0.1; done"
}

# Ends it; no process of it had more than LIMIT MiB.
bounded_memory() { # LIMIT
	stop "$dir"
	wait_for "its end" test -s "$BATS_TEST_TMPDIR/peak"
	echo "# at most $(<"$BATS_TEST_TMPDIR/peak") MiB" >&3
	(($(<"$BATS_TEST_TMPDIR/peak") < $1)) || fail "$(<"$BATS_TEST_TMPDIR/peak") MiB"
	rm "$BATS_TEST_TMPDIR/peak"
}

# Starting fails, soon, with a sentence, and nothing is mounted.
is_refused() { # PATH
	refused 4 hsm-serve -b --retries 0 --timeout 20 "$url/$1/" "$dir"
	! mountpoint -q "$dir"
	[ -z "$(hsm_pids "$dir")" ]
}

ENTRIES=${HOSTILE_ENTRIES:-30000}

@test "3.10 hostile: a listing of very many files: they are there, memory is bounded" {
	local kind
	for kind in many json; do
		serve_measured "$kind/$ENTRIES"
		[ "$(bounded -100 ls -U "$dir" | wc -l)" = "$ENTRIES" ]
		[ "$(bounded cat "$dir/000000000000752f")" = true ]
		bounded_memory 24
		dir=$(new_dir hostile)
	done
}

@test "3.10 hostile: very many directories: memory is bounded" {
	serve_measured "dirs/$((ENTRIES / 4))"
	[ "$(bounded -100 ls -U "$dir" | wc -l)" = "$((ENTRIES / 4))" ]
	bounded_memory 24
}

@test "3.10 hostile: very many entries of one name: one file, memory is bounded" {
	serve_measured "same/$((ENTRIES * 2))"
	[ "$(ls "$dir")" = name ]
	[ "$(bounded cat "$dir/name")" = true ]
	bounded_memory 24
}

@test "3.10 hostile: very many names that cannot exist: counted, the log does not grow" {
	serve_measured "bad/$((ENTRIES * 10))"
	[ -z "$(ls "$dir")" ]
	[ "$(status "$dir" skipped)" = "$((ENTRIES * 10))" ]
	(($(cat "$log" "$(serve_log "$dir")" | wc -l) < 200))
	bounded_memory 24
}

@test "3.10 hostile: a line of 100 MB, as text, tag and JSON, and one without end: refused" {
	is_refused line/text
	is_refused line/tag
	is_refused line/json
	is_refused endless
}

@test "3.10 hostile: 10,000 open elements or arrays: refused" {
	is_refused nest/html
	is_refused nest/json
}

@test "3.10 hostile: directories that are nested 10,000 deep: cut, and said" {
	serve_lies deep
	[ "$(find "$dir" -name .hsm -prune -o -type d -print | wc -l)" = 129 ]
	[ "$(status "$dir" skipped)" = 1 ]
	grep -q "nested too deep" "$log" "$(serve_log "$dir")"
}

@test "3.10 hostile: a directory that contains itself, twice: cut after a few levels, and said" {
	local before
	before=$(curl -sf "$url/count")
	serve_lies itself
	(($(curl -sf "$url/count") - before < 100))
	[ "$(bounded cat "$dir/again/once-more/file")" = true ]
	grep -q "contains itself" "$log" "$(serve_log "$dir")"
}

@test "3.10 hostile: names that lead elsewhere or cannot exist: nothing outside, the rest is right" {
	local outside
	outside=$(new_dir outside)
	# Whatever would leave the tree would be here or near.
	serve_lies names
	[ -z "$(ls -A "$outside")" ]
	[ -z "$(find "$MNT" "$BATS_TEST_TMPDIR" -name 'escape*' -not -path "$dir/*")" ]
	[ ! -e "$dir/escape" ] && [ ! -e "$dir/passwd" ] && [ ! -e "$dir/a" ]
	[ "$(bounded cat "$dir/$(printf 'm%.0s' {1..255})")" = true ]
	[ "$(bounded cat "$dir/twice")" = true ]
	[ "$(bounded cat "$dir/"$'\e[31mred')" = true ]
	[ "$(bounded cat "$dir/"$'new\nline')" = true ]
	[ "$(bounded cat "$dir/"$'\xff\xfe')" = true ]
	[ "$(bounded cat "$dir/semi;colon")" = true ]
	[ -e "$dir/both" ] && [ -e "$dir/htob" ]
	(($(status "$dir" skipped) >= 5))
	# What people see of them is printable.
	run script -qec "hsm-mark -R '$dir'" /dev/null
	[[ $output != *$'\e[31mred'* && $output != *$'\a'* && $output == *'\033[31mred'* ]]
	! cat "$log" "$(serve_log "$dir")" | LC_ALL=C grep -q $'[\x01-\x08\x0b-\x1f]'
	bounded hsm-prefetch -q -R "$dir"
}

@test "3.10 hostile: sizes of -1, 2^63, 10^30: asked for or left out, nothing breaks" {
	local kind
	for kind in html json; do
		serve_lies "sizes/$kind"
		for file in "$dir/$kind"_*; do
			[ ! -e "$file" ] || (($(stat -c %s "$file") <= 5)) ||
				[ "$(stat -c %s "$file")" = 1000 ] || fail "$(stat "$file")"
		done
		[ ! -e "$dir/${kind}_9223372036854775807" ]
		(($(status "$dir" skipped) >= 2))
		bounded hsm-mark -R "$dir" >/dev/null
		stop "$dir"
		dir=$(new_dir hostile)
	done
}

@test "3.10 hostile: a file that is a directory at the next listing, and the reverse: what is here stays" {
	serve_lies flip --refresh 1
	[ "$(bounded cat "$dir/one")" = true ]
	[ -d "$dir/two" ]
	curl -sf "$url/flip" >/dev/null
	wait_for "the next listing" grep -q "one.*a file of this name is here" "$log"
	[ "$(bounded cat "$dir/one")" = true ]
	# A directory that nobody has looked into may have made room for the file.
	[ "$(bounded cat "$dir/two/inside" 2>/dev/null || bounded cat "$dir/two")" = true ]
	[ "$(bounded cat "$dir/same")" = true ]
}

@test "3.10 hostile: symbolic links that stand where the listing has names are not followed" {
	local outside store
	outside=$(new_dir outside)
	echo mine >"$outside/file"
	store=$(new_dir store)/store
	serve_lies many/2 --store "$store"
	rm "$dir/0000000000000000"
	ln -s "$outside/file" "$dir/0000000000000000"
	stop "$dir"
	# By root, in the store itself: where a directory is to be listed into.
	ln -s "$outside" "$store/tree/two"
	ln -s "$outside" "$store/tree/once-more"
	rm -rf "$store/listed"
	ln -s "$outside" "$store/listed"
	run hsm-prefetch --tree "$dir"
	[ "$(ls -A "$outside")" = file ]
	[ "$(cat "$outside/file")" = mine ]
}
