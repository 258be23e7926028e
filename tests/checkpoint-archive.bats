# SPDX-License-Identifier: GPL-2.0-or-later
# fs: ext4 xfs btrfs
# takes: 40
#
# Issue 4, line 10: hsm-checkpoint --archive, and the lines of the man page that
# bring a copy up to date with it.

load lib/helpers
load lib/tracking
load lib/writers

changes=$TESTS/tools/changes.py

setup() {
	export LC_ALL=C.UTF-8
	work=$BATS_TEST_TMPDIR/work
	mkdir -p "$work/copy"
}

teardown() {
	cd /
	! mountpoint -q "$work/small" || umount "$work/small"
	untrack_all
	stop_all
}

tracked() { # sets $dir
	track_part
	export dir
	touch -r "$dir" "$work/copy" # the rest of them is empty
	cd "$work"
}

# The lines of the man page to bring copy/ up to date from inc.tar.zst.
lines() { # gnu|bsd
	sed -n "/^\.\\\\\" restore with $1/,/^\.Ed/p" "$TOP/man/hsm-checkpoint.8" |
		grep -v '^\.' | sed 's/\\e/\\/g'
}

restore() { # gnu|bsd
	(cd "$work" && bash -e -o pipefail -c "$(lines "$1")")
}

equal() {
	bounded python3 "$changes" compare "$dir" "$work/copy" all
}

# 20 rounds of random changes, each with an archive of its own.
replay() { # gnu|bsd
	tracked
	lines=$(lines "$1")
	[ "$(wc -l <<<"$lines")" -ge 2 ]
	export lines
	bounded -100 python3 "$changes" replay "$dir" copy 20 "${SEED:-$RANDOM}" \
		'hsm-checkpoint --archive inc.tar.zst "$dir" && bash -e -o pipefail -c "$lines"' all
}

@test "4.10 archive: 20 archives, extracted one after the other with GNU tar, keep a copy equal" {
	replay gnu
}

@test "4.10 archive: 20 archives, extracted one after the other with bsdtar, keep a copy equal" {
	replay bsd
}

@test "4.10 archive: holes stay holes, links links; sockets are left out with a word" {
	tracked
	truncate -s 100G "$dir/sparse"
	echo middle | dd of="$dir/sparse" bs=1 seek=50G conv=notrunc status=none
	truncate -s 5M "$dir/hole"
	echo linked >"$dir/one"
	ln "$dir/one" "$dir/two"
	ln -s one "$dir/symbolic"
	python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$dir/socket"
	for name in gnu bsd; do
		run --separate-stderr bounded hsm-checkpoint --peek --archive inc.tar.zst "$dir"
		[[ $status == 0 && -z $output && $stderr == *socket:*"left out" ]]
		[[ $(stat -c %s inc.tar.zst) -lt 100000 ]]
		restore "$name"
		for file in sparse hole; do
			[[ $(stat -c %s "copy/$file") == "$(stat -c %s "$dir/$file")" ]]
			[[ $(stat -c %b "copy/$file") -le 64 ]]
		done
		[[ $(dd if=copy/sparse bs=1 skip=50G status=none | head -c 7) == middle ]]
		[ copy/one -ef copy/two ]
		[[ $(cat copy/two) == linked && $(readlink copy/symbolic) == one && ! -e copy/socket ]]
		[[ ! -e copy/.hsm ]]
		rm -r copy/*
	done
}

@test "4.10 archive: compressed as its name says" {
	tracked
	seq 100000 >"$dir/file"
	for end in tar tar.gz tgz tar.bz2 tar.xz txz tar.zst tzst tar.lz4; do
		hsm-checkpoint --peek --archive "x.$end" "$dir"
		[[ $(bsdtar -xqOf "x.$end" ./file | md5sum) == "$(md5sum <"$dir/file")" ]]
		od -An -tx1 -N4 "x.$end"
	done | tr -d ' \n' >magic
	[[ $(<magic) == 2e2f2e681f8b08001f8b0800425a6839fd377a58fd377a5828b52ffd28b52ffd04224d18 ]]
	tar -xOf x.tar.gz ./file | cmp - "$dir/file"
	# For its owner only: it has what others must not read.
	[[ $(stat -c %a x.tar) == 600 ]]
}

@test "4.10 archive: with --since, --peek, --cursor and -n; without a history there is none" {
	track_only "$(new_dir untold)"
	dir=$(tail -n 1 "$(scope)/tracked" | cut -d' ' -f1)
	cd "$work"
	run --separate-stderr hsm-checkpoint --archive inc.tar "$dir"
	[[ $status == 1 && $output == "rescan ." && ! -e inc.tar ]]
	id=$(hsm-checkpoint --list "$dir" | tail -n 1 | cut -f1)
	hsm-checkpoint --commit one "$id" "$dir"
	touch "$dir/a"
	hsm-checkpoint -n --archive inc.tar "$dir"
	[[ ! -e inc.tar ]]
	holds() { # NAMES
		diff <(echo "$1") <(bsdtar -tf inc.tar | xargs -n 99)
	}
	hsm-checkpoint --peek --archive inc.tar "$dir"
	holds "./.hsm/deleted ./ ./a ./"
	hsm-checkpoint --archive inc.tar "$dir"
	holds "./.hsm/deleted ./ ./a ./"
	hsm-checkpoint --archive inc.tar "$dir"
	holds "./.hsm/deleted"
	touch "$dir/b"
	hsm-checkpoint --since "$id" --archive inc.tar "$dir"
	holds "./.hsm/deleted ./ ./a ./b ./"
	hsm-checkpoint --cursor one --archive inc.tar --id-file id "$dir"
	holds "./.hsm/deleted ./ ./a ./b ./"
	hsm-checkpoint --commit one "$(<id)" "$dir"
	rm "$dir/b"
	hsm-checkpoint --cursor one --archive inc.tar "$dir"
	holds "./.hsm/deleted ./"
	[[ $(bsdtar -xOf inc.tar ./.hsm/deleted | tr '\0' ' ') == "./b " ]]
}

@test "4.10 archive: a full disk: none is there, an older one stays, the list can be had again" {
	tracked
	mkdir small
	truncate -s 16M small.img
	mkfs.ext4 -q -F small.img
	mount -o loop small.img small
	echo old >small/inc.tar
	head -c 20M /dev/urandom >"$dir/large"
	run --separate-stderr bounded hsm-checkpoint --archive small/inc.tar "$dir"
	[[ $status == 1 && -z $output && $stderr == *small/inc.tar* && $stderr == *"No space left"* ]]
	[[ $(ls small) == $'inc.tar\nlost+found' && $(<small/inc.tar) == old ]]
	[[ $stderr =~ --since\ ([0-9a-f]+-[0-9]+) ]]
	hsm-checkpoint --since "${BASH_REMATCH[1]}" --archive inc.tar.zst "$dir"
	restore gnu
	equal
	umount small
	refused 1 hsm-checkpoint --peek --archive none/inc.tar "$dir"
}

@test "4.10 archive: a file that becomes shorter while it is read is there as it is in the end" {
	tracked
	head -c 64M /dev/urandom >"$dir/large"
	hsm-checkpoint --archive inc.tar.zst "$dir" 2>said 3>&- &
	local pid=$! end=$((SECONDS + 20))
	while ! readlink "/proc/$pid/fd/"* | grep -qx "$dir/large"; do
		((SECONDS < end)) || fail "it was never opened"
	done
	truncate -s 1000 "$dir/large"
	wait "$pid"
	grep -q "large: became shorter" said
	restore gnu
	cmp copy/large "$dir/large"
	rm copy/large
	restore bsd
	cmp copy/large "$dir/large"
	prints large # it changed after the cut
}

@test "4.10 archive: after a kill of the tracker a directory that has to be looked at is there as a whole" {
	tracked
	mkdir -p "$dir"/a/{b,c} "$dir/other"
	touch "$dir"/a/{b,c}/{1,2} "$dir"/{a,other}/file
	hsm-checkpoint --archive inc.tar.zst "$dir"
	restore gnu
	equal
	sleep 2.7 # what is younger is not sure to have been heard
	untrack "$dir" KILL
	rm -r "$dir/a/b"
	mv "$dir/a/c" "$dir/a/d"
	echo more >"$dir/a/file"
	track_only "$dir"
	run --separate-stderr hsm-checkpoint --peek "$dir"
	[[ $status == 1 && $output == "rescan ." ]]
	hsm-checkpoint --archive inc.tar.zst "$dir"
	bsdtar -tf inc.tar.zst | grep -q ./a/d/2
	! bsdtar -tf inc.tar.zst | grep -q other/
	restore gnu
	equal
}

@test "4.10 archive: what was a link is not followed, on either side" {
	tracked
	mkdir precious "$dir/d"
	touch precious/x
	ln -s "$work/precious" "$dir/link"
	echo x | tee "$dir/d/x" >"$dir/d/y"
	for name in gnu bsd; do
		hsm-checkpoint --archive inc.tar.zst "$dir"
		restore "$name"
	done
	equal
	# A directory now, with the traces of what was in it for a while.
	rm "$dir/link"
	mkdir "$dir/link"
	touch "$dir/link/x" "$dir/link/y"
	rm "$dir/link/x"
	# And a link now, behind which there is a file of the same name.
	rm -r "$dir/d"
	ln -s "$work/precious" "$dir/d"
	prints $'d\nlink\nlink/y' --peek
	prints link/x --peek --deleted
	hsm-checkpoint --archive inc.tar.zst "$dir"
	for name in gnu bsd; do
		cp -a copy before
		restore "$name"
		equal
		[ -e precious/x ]
		rm -r copy
		mv before copy
	done
}

@test "4.10 archive: a placeholder is never archived as zeros" {
	local remote=$BATS_TEST_TMPDIR/remote
	serve_tree files
	hsm-checkpoint -q "$dir" 2>/dev/null || true
	cold "$dir"/sizes/{text,64M}
	chmod 600 "$dir"/sizes/{text,64M}
	cd "$work"
	bounded hsm-checkpoint --archive inc.tar.zst "$dir"
	restore bsd
	[[ $(ls copy/sizes) == $'64M\ntext' && $(stat -c %a copy/sizes/64M) == 600 ]]
	for name in 64M text; do
		cmp "copy/sizes/$name" "$TREES/files/sizes/$name"
	done
	is online "$dir"/sizes/{text,64M}
	[[ -z $(getfattr -m trusted.hsm copy/sizes/text) ]]
	# And where the content cannot be had, there is no archive.
	mkdir "$remote"
	echo content >"$remote/file"
	dir=$(new_dir served)
	serve "file://$remote/" "$dir"
	hsm-checkpoint -q "$dir" 2>/dev/null || true
	mv "$remote/file" "$remote/away"
	chmod 600 "$dir/file"
	rm inc.tar.zst
	run --separate-stderr bounded hsm-checkpoint --archive inc.tar.zst "$dir"
	[[ $status == 1 && -z $output && $stderr == *"$dir/file: "* && ! -e inc.tar.zst ]]
	[[ $stderr =~ --since\ ([0-9a-f]+-[0-9]+) ]]
	mv "$remote/away" "$remote/file"
	hsm-checkpoint --since "${BASH_REMATCH[1]}" --archive inc.tar.zst "$dir"
	[[ $(bsdtar -xOf inc.tar.zst ./file) == content ]]
}
