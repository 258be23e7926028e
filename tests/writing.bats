# SPDX-License-Identifier: GPL-2.0-or-later
# fs: ext4 xfs btrfs
#
# Issue line 9: a write does what it does on a plain copy, and is never lost.

load lib/helpers

# Files of 300 KiB stream, so that they can be partial.
serve_edit() {
	dir=${dir:-$(new_dir edit)}
	serve "${REMOTE}tmp/edit/" "$dir" --stream-above 64K
}

setup() {
	local state
	mkdir -p "$TREES/tmp/edit/sub"
	for state in offline partial online fetched; do
		cp -p "$TREES/files/sizes/text" "$TREES/tmp/edit/$state"
	done
	cp -p "$TREES/files/sizes/4097" "$TREES/tmp/edit/sub/small"
	plain=$BATS_TEST_TMPDIR/plain
	cp -rp "$TREES/tmp/edit" "$plain"
	dir=
	serve_edit
}

teardown() {
	stop_all
	rm -rf "$TREES/tmp/edit"
}

restart() {
	stop "$dir"
	serve_edit
}

bring_into() { # STATE FILE
	case $1 in
	partial) bounded head -c 5000 "$2" >/dev/null ;;
	online) bounded cat "$2" >/dev/null ;;
	fetched) hsm-prefetch -q "$2" ;; # and opened by nobody here
	esac
	is "${1/fetched/online}" "$2"
}

map_store() { # FILE
	python3 - "$1" <<-'EOT'
		import mmap, sys
		with open(sys.argv[1], "r+b") as f, mmap.mmap(f.fileno(), 0) as view:
		    view[10000:10005] = b"store"
		    view[200000:200005] = b"store"
	EOT
}

edit() { # HOW FILE
	case $1 in
	overwrite) echo new >"$2" ;;
	append) echo more >>"$2" ;;
	sed) sed -i s/needle/thread/ "$2" ;;
	dd) yes | dd of="$2" bs=1000 seek=33 count=7 conv=notrunc iflag=fullblock status=none ;;
	shrink) truncate -s 100001 "$2" ;;
	empty) truncate -s 0 "$2" ;;
	grow) truncate -s 400001 "$2" ;;
	punch) fallocate -p -o 5000 -l 150000 "$2" ;;
	mmap) map_store "$2" ;;
	esac
}
export -f edit map_store

safe_and_right() { # STATE...: is each file what the plain copy is, and safe?
	local state
	for state; do
		# Look at the marks first: reading must not be what makes it right.
		[[ $(state "$dir/$state") =~ ^(dirty|local)$ ]] ||
			fail "$state: is $(state "$dir/$state") after the edit"
		cmp "$dir/$state" "$plain/$state" || fail "$state: wrong content"
		run ! hsm-evict "$dir/$state"
		[[ $output =~ dirty|local ]] || fail "$state: evict said '$output'"
	done
}

edits() { # HOW
	local state
	for state in offline partial online fetched; do
		bring_into "$state" "$dir/$state"
		edit "$1" "$plain/$state"
		bounded edit "$1" "$dir/$state" || fail "$1 of a file that is $state"
	done
	safe_and_right offline partial online fetched
	restart
	safe_and_right offline partial online fetched
}

@test "2.9 writing: >" { edits overwrite; }
@test "2.9 writing: >>" { edits append; }
@test "2.9 writing: sed -i" { edits sed; }
@test "2.9 writing: dd conv=notrunc" { edits dd; }
@test "2.9 writing: truncate -s to less" { edits shrink; }
@test "2.9 writing: truncate -s 0" { edits empty; }
@test "2.9 writing: truncate -s to more" { edits grow; }
@test "2.9 writing: fallocate -p" { edits punch; }
@test "2.9 writing: stores through a shared mapping" { edits mmap; }

@test "2.9 writing: > does not download what it throws away" {
	local mark
	needs_log
	mark=$(log_mark)
	echo new >"$dir/offline"
	sleep 0.5
	[ -z "$(fetches "$mark")" ]
	[ "$(cat "$dir/offline")" = new ]
}

@test "2.9 writing: a dirty file is not refetched or overwritten by a refresh" {
	edit append "$dir/offline"
	edit append "$plain/offline"
	tr a-z A-Z <"$TREES/files/sizes/text" >"$TREES/tmp/edit/offline"
	hsm-mark -q --refresh "$dir/offline" || true
	hsm-prefetch -q "$dir/offline" || true
	cmp "$dir/offline" "$plain/offline"
	is dirty "$dir/offline"
	restart
	cmp "$dir/offline" "$plain/offline"
	is dirty "$dir/offline"
}

@test "2.9 writing: new files are local and survive a restart" {
	mkdir "$dir/new"
	echo mine >"$dir/new/file"
	echo mine too >"$dir/sub/file"
	ln -s new/file "$dir/link"
	mkfifo "$dir/fifo"
	is local "$dir/new/file" "$dir/sub/file"
	run ! hsm-evict "$dir/new/file"
	[[ $output == *local* ]]
	restart
	is local "$dir/new/file" "$dir/sub/file"
	[ "$(cat "$dir/new/file")" = mine ]
	[ "$(cat "$dir/link")" = mine ]
	[ -p "$dir/fifo" ]
}

@test "2.9 writing: a deleted placeholder stays deleted" {
	rm "$dir/offline" "$dir/sub/small"
	[ ! -e "$dir/offline" ]
	restart
	[ ! -e "$dir/offline" ]
	hsm-prefetch -q --tree "$dir"
	[ ! -e "$dir/offline" ]
	[ ! -e "$dir/sub/small" ]
	# A new file may take the name, and is not the remote's.
	echo mine >"$dir/offline"
	restart
	[ "$(cat "$dir/offline")" = mine ]
}

@test "2.9 writing: a deleted directory stays deleted" {
	rm -r "$dir/sub"
	restart
	hsm-prefetch -q --tree "$dir"
	[ ! -e "$dir/sub" ]
}

@test "2.9 writing: a renamed placeholder is filled from where it came" {
	mkdir "$dir/elsewhere"
	mv "$dir/offline" "$dir/elsewhere/moved"
	bring_into partial "$dir/partial"
	mv "$dir/partial" "$dir/sub/partly"
	mv "$dir/sub" "$dir/elsewhere/sub"
	cold "$dir/elsewhere/moved" "$dir/elsewhere/sub/small"
	restart
	[ ! -e "$dir/offline" ]
	[ ! -e "$dir/sub" ]
	cold "$dir/elsewhere/moved" "$dir/elsewhere/sub/small"
	cmp "$dir/elsewhere/moved" "$plain/offline"
	cmp "$dir/elsewhere/sub/partly" "$plain/partial"
	cmp "$dir/elsewhere/sub/small" "$plain/sub/small"
	hsm-evict -q "$dir/elsewhere/moved"
	cold "$dir/elsewhere/moved"
	cmp "$dir/elsewhere/moved" "$plain/offline"
}

@test "2.9 writing: a hard link to a placeholder reads right" {
	ln "$dir/offline" "$dir/sub/hard"
	cold "$dir/sub/hard"
	cmp "$dir/sub/hard" "$plain/offline"
	is online "$dir/offline"
}

@test "2.9 writing: rename over a placeholder, and exchange" {
	echo mine >"$dir/new"
	mv "$dir/new" "$dir/offline"
	is local "$dir/offline"
	restart
	[ "$(cat "$dir/offline")" = mine ]
}

@test "2.9 writing: chmod, chown, touch and setfattr are no content and leave it evictable" {
	cat "$dir/online" >/dev/null
	chmod 600 "$dir/online"
	chown 1:1 "$dir/online"
	setfattr -n user.note -v mine "$dir/online"
	is online "$dir/online"
	hsm-evict -q "$dir/online"
	cold "$dir/online"
	cmp "$dir/online" "$plain/online"
}

@test "2.9 writing: opened for writing but not written is not dirty" {
	bounded python3 -c 'import os, sys; os.close(os.open(sys.argv[1], os.O_RDWR))' "$dir/offline"
	[ "$(state "$dir/offline")" != dirty ]
	cmp "$dir/offline" "$plain/offline"
}

@test "2.9 writing: --clean makes an unchanged-size file evictable again" {
	edit dd "$dir/online"
	is dirty "$dir/online"
	hsm-mark -q --clean "$dir/online"
	is online "$dir/online"
	hsm-evict -q "$dir/online"
	cmp "$dir/online" "$TREES/tmp/edit/online"
}

@test "2.9 writing: --read-only gives EROFS" {
	local command
	stop "$dir"
	serve "${REMOTE}tmp/edit/" "$dir" --read-only
	for command in "echo x >'$dir/offline'" "echo x >'$dir/new'" "rm '$dir/offline'" \
		"truncate -s 0 '$dir/offline'" "mkdir '$dir/d'" "chmod 600 '$dir/offline'"; do
		run bash -c "$command"
		[ "$status" -ne 0 ]
		[[ $output == *"Read-only file system"* ]] || fail "$command: $output"
	done
	cold "$dir/offline"
	cmp "$dir/offline" "$plain/offline"
	hsm-evict -q "$dir/offline"
	cold "$dir/offline"
}

@test "3.6 writing: another mtime on a placeholder is no content: it is still fetched" {
	touch -m -d 2001-02-03 "$dir/offline"
	touch -m "$dir/sub/small"
	touch -d 2001-02-03 "$dir/partial"
	sleep 0.5
	cold "$dir/offline" "$dir/sub/small" "$dir/partial"
	cmp "$dir/offline" "$plain/offline"
	cmp "$dir/partial" "$plain/partial"
	cmp "$dir/sub/small" "$plain/sub/small"
	is online "$dir/offline" "$dir/partial" "$dir/sub/small"
	shows "$dir" "$plain" 60
}
