# SPDX-License-Identifier: GPL-2.0-or-later
# fs: ext4 xfs
# takes: 30
#
# Issue line 13: bytes of two versions never meet in one file.

load lib/helpers

MIB=1048576

setup() {
	needs_log
	there=$TREES/tmp/versions
	mkdir -p "$there"
	version A "2021-01-01 01:01:11"
}

teardown() {
	stop_all
	rm -rf "$there"
}

# The remote file now is LETTER, 20 MiB of it, of that time.
version() { # LETTER TIME [SIZE]
	head -c "${3:-$((20 * MIB))}" /dev/zero | tr '\0' "$1" >"$there/new"
	touch -d "$2 UTC" "$there/new"
	mv "$there/new" "$there/file"
}

serve_versions() { # SERVER [OPTION...]
	local server=$1
	shift
	dir=$(new_dir versions)
	serve "$(server_url "$server")tmp/versions/" "$dir" --stream-above 64K "$@"
}

letters() { # OFFSET-IN-MIB COUNT: the different letters there
	bounded dd if="$dir/file" bs=$MIB skip="$1" count="$2" status=none | fold -w 1048576 | cut -c1 | sort -u | tr -d '\n'
}

all_letters() { # from the page cache and the file, every byte
	bounded tr -s 'A-Z\0' 'A-Z\0' <"$dir/file" | tr '\0' 0
}

changes_between_ranges() { # SERVER TIME-OF-B
	serve_versions "$1"
	[ "$(letters 0 1)" = A ]
	version B "$2"
	run bounded tail -c $MIB "$dir/file"
	[[ $status != 0 && $output == *"Input/output error" ]] ||
		fail "exit status $status: $(tail -c 200 <<<"$output")"
	[[ $output != *BBB* ]]
	[[ $(flags "$dir/file") == *stale* ]]
	is partial "$dir/file"
	# What was here is still here.
	[ "$(letters 0 1)" = A ]
	hsm-mark -q --refresh "$dir/file"
	[ "$(all_letters)" = B ]
	[ "$(flags "$dir/file")" = - ]
}

@test "2.13 versions: a change between two ranges (nginx: ETag)" {
	changes_between_ranges nginx "2021-01-01 01:01:12"
}

@test "2.13 versions: a change between two ranges (nginx JSON)" {
	changes_between_ranges nginx-json "2022-01-01 01:01:11"
}

@test "2.13 versions: a change between two ranges (apache)" {
	changes_between_ranges apache-fancy "2021-01-01 01:01:12"
}

@test "2.13 versions: a change between two ranges (lighttpd)" {
	changes_between_ranges lighttpd "2021-01-01 01:01:12"
}

@test "2.13 versions: a change between two ranges (caddy)" {
	changes_between_ranges caddy "2021-01-01 01:01:12"
}

@test "2.13 versions: a change in the middle of one sequential read" {
	local letters
	serve_versions nginx
	exec 7<"$dir/file"
	[ "$(bounded head -c $MIB <&7 | tr -s A-Z)" = A ]
	version B "2021-01-01 01:01:12"
	# What nginx still sends of the old file is right, what it sends of the new is not.
	letters=$(bounded cat <&7 2>"$BATS_TEST_TMPDIR/err" | tr -s A-Z) || true
	exec 7<&-
	[[ $letters == A || (-z $letters && -s $BATS_TEST_TMPDIR/err) ]]
}

@test "2.13 versions: a file without any content takes the new version" {
	serve_versions nginx
	version B "2021-01-01 01:01:12"
	cold "$dir/file"
	[ "$(all_letters)" = B ]
	is online "$dir/file"
	[ "$(flags "$dir/file")" = - ]
}

@test "2.13 versions: the same where the listing can tell the difference" {
	serve_versions nginx-json
	version B "2022-01-01 01:01:11"
	[ "$(all_letters)" = B ]
}

@test "2.13 versions: an evicted file takes the new version" {
	serve_versions nginx
	[ "$(all_letters)" = A ]
	hsm-evict -q "$dir/file"
	version B "2021-01-01 01:01:12"
	[ "$(all_letters)" = B ]
}

@test "2.13 versions: a new size is seen by --refresh" {
	serve_versions nginx
	version B "2021-01-01 01:01:12" 70000
	hsm-mark -q --refresh "$dir/file"
	[ "$(stat -c %s "$dir/file")" = 70000 ]
	[ "$(all_letters)" = B ]
}

@test "2.13 versions: a new size is never filled into the old one" {
	serve_versions nginx
	version B "2021-01-01 01:01:12" 70000
	run all_letters
	# Either the new file, whole, or an error; never zeros behind it.
	[[ $output == B && $(stat -c %s "$dir/file") == 70000 || $output == *"Input/output error"* ]]
	[[ $output != *0* ]]
}

@test "2.13 versions: an online file stays whole when the remote changes" {
	serve_versions nginx
	[ "$(all_letters)" = A ]
	version B "2021-01-01 01:01:12"
	[ "$(all_letters)" = A ]
	hsm-mark -q --refresh "$dir/file"
	[ "$(all_letters)" = B ]
}

@test "2.13 versions: --refresh SECONDS of the server finds new files and versions" {
	serve_versions nginx --refresh 1
	[ "$(letters 0 1)" = A ]
	version B "2022-02-02 02:02:02"
	echo new >"$there/another"
	wait_for "the new file" test -e "$dir/another"
	[ "$(bounded cat "$dir/another")" = new ]
	wait_for "the file to be stale" eval '[[ $(flags "$dir/file") == *stale* ]]'
	[ "$(letters 0 1)" = A ]
}

@test "2.13 versions: a file that was complete before a writer came becomes stale, too" {
	local fd
	serve_versions nginx
	exec {fd}<>"$dir/file"
	bounded head -c 1 <&$fd
	exec {fd}>&-
	version B "2022-02-02 02:02:02"
	hsm-mark -q --refresh "$dir"
	[[ $(flags "$dir/file") == *stale* ]]
	is online "$dir/file"
	[ "$(all_letters)" = A ]
	hsm-mark -q --refresh "$dir/file"
	[ "$(all_letters)" = B ]
}

@test "2.13 versions: what disappears there is lost, not zeros" {
	serve_versions nginx
	[ "$(letters 0 1)" = A ]
	rm "$there/file"
	run bounded tail -c $MIB "$dir/file"
	[ "$status" -ne 0 ]
	[[ $output == *"Input/output error"* ]]
	is lost "$dir/file"
	[ "$(letters 0 1)" = A ]
	run ! hsm-evict "$dir/file"
	[ "$(letters 0 1)" = A ]
}

@test "2.13 versions: a server without ranges (python) gives right bytes" {
	dir=$(new_dir python)
	serve "$(server_url python)files/" "$dir" --stream-above 1M
	bounded cmp <(tail -c 4096 "$dir/sizes/64M") <(tail -c 4096 "$TREES/files/sizes/64M")
	bounded cmp "$dir/sizes/64M" "$TREES/files/sizes/64M"
	bounded cmp "$dir/sizes/5M" "$TREES/files/sizes/5M"
	bounded cmp "$dir/sizes/text" "$TREES/files/sizes/text"
}

@test "2.13 versions: a server with dates only (python): a change is noticed" {
	local letters
	serve_versions python
	[ "$(letters 0 1)" = A ]
	version B "2021-01-01 01:01:12"
	# It may have kept the whole file, as it cannot ask for a part.
	letters=$(all_letters 2>/dev/null) || letters=error
	[[ $letters == A || $letters == error ]]
	[ "$(letters 0 1)" = A ]
	hsm-mark -q --refresh "$dir/file"
	[ "$(all_letters)" = B ]
}
