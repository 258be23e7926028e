# SPDX-License-Identifier: GPL-2.0-or-later
# fs: ext4 xfs btrfs
# takes: 40
#
# hsm-checkpoint: what a list has to have in it, and what it must not.

load lib/helpers
load lib/tracking

setup() {
	dir=$(new_dir tracked)
}

teardown() {
	untrack_all
	stop_all
}

# ------------------------------------------------------------- the contract --

@test "4 checkpoint: the first one has no list before it: rescan ., exit status 1" {
	track_only "$dir"
	run --separate-stderr hsm-checkpoint "$dir"
	[[ $status == 1 && $output == "rescan ." && -n $stderr ]]
	run --separate-stderr hsm-checkpoint "$dir"
	[[ $status == 0 && -z $output && -z $stderr ]]
}

@test "4 checkpoint: a list has what changed since the one before, and nothing else" {
	echo old >"$dir/old"
	track "$dir"
	echo new >"$dir/new"
	prints new
	prints ""
	echo more >>"$dir/old"
	rm "$dir/new"
	prints old
	prints ""
}

@test "4 checkpoint: --deleted, --changed and both" {
	touch "$dir"/{a,b,c}
	track "$dir"
	rm "$dir/a"
	touch "$dir/d"
	prints d --peek
	prints d --peek --changed
	prints a --peek --deleted
	prints $'a\nd' --peek --changed --deleted
	tells $'delete a\ncreate d'
}

@test "4 checkpoint: --peek and -n begin no new one, and print it all again" {
	track "$dir"
	before=$(hsm-checkpoint --list "$dir")
	touch "$dir/a"
	prints a --peek
	prints a -n
	touch "$dir/b"
	prints $'a\nb' --peek
	[[ $(hsm-checkpoint --list "$dir") == "$before" ]]
	prints $'a\nb'
	prints "" --peek
}

@test "4 checkpoint: --since an older one, until now; --list, --keep and expired IDs" {
	track "$dir"
	for i in 1 2 3 4 5; do
		touch "$dir/$i"
		hsm-checkpoint -q --keep 4 "$dir"
	done
	touch "$dir/6"
	mapfile -t ids < <(hsm-checkpoint --list "$dir" | cut -f1)
	[[ ${#ids[@]} == 4 ]]
	prints $'3\n4\n5\n6' --since "${ids[0]}"
	prints 6 --since "${ids[3]}"
	rm "$dir/4"
	prints $'3\n5\n6' --since "${ids[0]}"
	prints 4 --deleted --since "${ids[0]}"
	touch "$dir/7"
	hsm-checkpoint -q --keep 2 "$dir"
	for id in "${ids[0]}" "${ids[0]%-*}-99" 00000000-1; do
		run --separate-stderr hsm-checkpoint --since "$id" "$dir"
		[[ $status == 1 && $output == "rescan ." ]]
	done
	refused 1 hsm-checkpoint --since nonsense "$dir"
	[[ $(hsm-checkpoint --list --json "$dir" | jq -r .id | tail -n 1) == $(hsm-checkpoint --list "$dir" | tail -n 1 | cut -f1) ]]
}

@test "4 checkpoint: a deletion and what took its place, over several lists" {
	mkdir "$dir/a"
	touch "$dir"/a/{x,y}
	track "$dir"
	id=$(hsm-checkpoint --list "$dir" | tail -n 1 | cut -f1)
	mv "$dir/a" "$dir/b"
	hsm-checkpoint -q "$dir"
	mkdir "$dir/a"
	touch "$dir/a/x"
	prints $'a\na/x\nb\nb/x\nb/y' --since "$id"
	prints a/y --since "$id" --deleted
}

@test "4.8 checkpoint: lists that are joined: what was changed and then renamed, and names that were used twice" {
	mkdir "$dir/d"
	for name in f d/x one two; do
		echo "$name" >"$dir/$name"
	done
	track "$dir"
	id=$(hsm-checkpoint --list "$dir" | tail -n 1 | cut -f1)
	echo more | tee -a "$dir/d/x" >>"$dir/f"
	rm "$dir/two"
	mv "$dir/one" "$dir/two"
	hsm-checkpoint -q "$dir"
	mv "$dir/f" "$dir/g"
	mv "$dir/d" "$dir/e"
	mv "$dir/two" "$dir/three"
	tells "$(printf '%s\n' 'rename e d' 'rename e/x d/x' 'modify e/x' 'rename g f' 'modify g' \
		'delete one' 'create three' 'delete two')" --since "$id"
}

@test "4 checkpoint: cursors: each consumer has its own, at least once" {
	track "$dir"
	run --separate-stderr hsm-checkpoint --cursor one "$dir"
	[[ $status == 1 && $output == "rescan ." ]]
	id=$(hsm-checkpoint --list "$dir" | tail -n 1 | cut -f1)
	hsm-checkpoint --commit one "$id" "$dir"
	touch "$dir/a"
	prints a --cursor one --id-file "$SCRATCH/id"
	prints a --cursor one
	prints "" # the others' lists are their own business
	touch "$dir/b"
	prints $'a\nb' --cursor one --peek
	hsm-checkpoint --commit one "$(<"$SCRATCH/id")" "$dir"
	prints b --cursor one
	refused 1 hsm-checkpoint --commit one "${id%-*}-99" "$dir"
	refused 1 hsm-checkpoint --commit one 00000000-1 "$dir"
	refused 1 hsm-checkpoint --cursor a/b "$dir"
}

# --------------------------------------------------------------- the changes --

@test "4 checkpoint: content, however it is changed" {
	for name in write truncate fallocate punch reflink copy o_trunc direct splice mapped; do
		head -c 65536 /dev/zero | tr '\0' x >"$dir/$name"
	done
	track "$dir"
	python3 - "$dir" <<-'EOT'
		import ctypes, fcntl, mmap, os, sys
		os.chdir(sys.argv[1])
		libc = ctypes.CDLL(None, use_errno=True)
		libc.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
		def rw(name): return os.open(name, os.O_RDWR)
		os.pwrite(rw("write"), b"y", 0)
		os.truncate("truncate", 100)
		assert libc.fallocate(rw("fallocate"), 0, 65536, 4096) == 0
		assert libc.fallocate(rw("punch"), 3, 0, 4096) == 0
		try: fcntl.ioctl(rw("reflink"), 0x40049409, os.open("write", os.O_RDONLY))
		except OSError: os.pwrite(rw("reflink"), b"y", 0)  # ext4
		os.copy_file_range(os.open("write", os.O_RDONLY), rw("copy"), 4096)
		os.open("o_trunc", os.O_WRONLY | os.O_TRUNC)
		page = mmap.mmap(-1, 4096)
		os.writev(os.open("direct", os.O_WRONLY | os.O_DIRECT), [page])
		r, w = os.pipe()
		os.write(w, b"z")
		os.splice(r, rw("splice"), 1)
		m = mmap.mmap(rw("mapped"), 4096)
		m[0:1] = b"y"
	EOT
	prints "$(printf '%s\n' copy direct fallocate mapped o_trunc punch reflink splice truncate write)"
	prints ""
}

@test "4 checkpoint: attributes of files, directories and links" {
	touch "$dir"/{mode,owner,times,xattr}
	mkdir "$dir/dir" "$dir/dirx"
	ln -s x "$dir/link"
	track "$dir"
	chmod 600 "$dir/mode"
	chown 1 "$dir/owner"
	touch -d 2001-01-01 "$dir/times"
	setfattr -n user.x -v 1 "$dir/xattr"
	chmod 700 "$dir/dir"
	setfattr -n user.x -v 1 "$dir/dirx"
	chown -h 1 "$dir/link"
	prints "$(printf '%s\n' dir dirx link mode owner times xattr)"
	chmod 700 "$dir"
	prints .
}

@test "4 checkpoint: all kinds of new names, and their deletion" {
	echo x >"$dir/old"
	track "$dir"
	mkdir "$dir/dir"
	touch "$dir/dir/file"
	ln -s x "$dir/symlink"
	mkfifo "$dir/fifo"
	ln "$dir/old" "$dir/hard"
	python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$dir/socket"
	tells "$(printf 'create %s\n' dir dir/file fifo hard socket symlink)"
	rm -r "$dir"/{dir,symlink,fifo,hard,socket}
	tells "$(printf 'delete %s\n' dir fifo hard socket symlink)"
}

@test "4 checkpoint: renames: within, across, over, exchanged, and what else happened" {
	mkdir "$dir"/{p,q}
	for name in p/a p/b p/c p/d q/d p/e p/f; do
		echo "$name" >"$dir/$name"
	done
	track "$dir"
	mv "$dir/p/a" "$dir/p/a2"
	mv "$dir/p/b" "$dir/q/b"
	echo more >>"$dir/p/c"
	mv "$dir/p/c" "$dir/p/c2"
	mv "$dir/p/d" "$dir/q/d"
	touch "$dir/new"
	mv "$dir/new" "$dir/new2"
	python3 - "$dir" <<-'EOT'
		import ctypes, sys
		e, f = (f"{sys.argv[1]}/p/{n}".encode() for n in "ef")
		assert ctypes.CDLL(None).renameat2(-100, e, -100, f, 2) == 0
	EOT
	tells "$(printf '%s\n' 'delete new' 'create new2' 'rename p/a2 p/a' 'rename p/c2 p/c' 'modify p/c2' \
		'create p/e' 'create p/f' 'rename q/b p/b' 'rename q/d p/d')" --peek
	prints "$(printf '%s\n' new p/a p/b p/c p/d)" --deleted
}

@test "4 checkpoint: trees moved within, in and out are listed with all that is below" {
	outside=$(new_dir outside)
	mkdir -p "$dir"/a/b "$outside"/t/u
	touch "$dir"/a/b/f "$outside"/t/u/f
	track "$dir"
	touch "$outside/t/u/heard"
	prints ""
	mv "$dir/a" "$dir/c"
	echo late >>"$dir/c/b/f"
	mv "$outside/t" "$dir/in"
	tells "$(printf '%s\n' 'rename c a' 'rename c/b a/b' 'rename c/b/f a/b/f' 'modify c/b/f' 'create in' \
		'create in/u' 'create in/u/f' 'create in/u/heard')" --peek
	prints a --deleted
	echo heard again >>"$dir/in/u/f"
	prints in/u/f
	mv "$dir/in" "$outside/out"
	echo outside >>"$outside/out/u/f"
	prints "" --peek
	prints in --deleted
}

@test "4 checkpoint: a tree that was outside for a while is told again, with all that is below" {
	outside=$(new_dir outside)
	mkdir -p "$dir"/a/b "$outside"/t
	touch "$dir"/a/b/f
	track "$dir"
	mv "$dir/a" "$outside/a"
	echo unheard >"$outside/a/b/f"
	mv "$outside/a" "$dir/a"
	prints $'a\na/b\na/b/f'
	mv "$dir/a" "$outside/t/a"
	hsm-checkpoint -q "$dir"
	echo unheard >"$outside/t/a/b/g"
	mv "$outside/t" "$dir/t"
	mv "$dir/t/a" "$dir/a"
	prints $'a\na/b\na/b/f\na/b/g\nt'
	echo heard >"$dir/a/b/g"
	prints a/b/g
}

@test "4 checkpoint: a file that has no name, and gets one" {
	track "$dir"
	python3 - "$dir" <<-'EOT'
		import os, sys
		fd = os.open(sys.argv[1], os.O_TMPFILE | os.O_RDWR)
		os.write(fd, b"x")
		other = os.open(sys.argv[1], os.O_TMPFILE | os.O_RDWR)
		os.write(other, b"x")
		os.link(f"/proc/self/fd/{fd}", "name", dst_dir_fd=os.open(sys.argv[1], os.O_RDONLY), follow_symlinks=True)
	EOT
	tells "create name"
}

@test "4.1 checkpoint: a file that was written before it had a name is told by the one that it has" {
	mkdir "$dir/sub"
	track "$dir"
	cat >"$BATS_TEST_TMPDIR/nameless.py" <<-'EOT'
		import os, sys
		os.chdir(sys.argv[1])
		fd = os.open("sub", os.O_TMPFILE | os.O_RDWR)
		os.write(fd, b"x")
		for line in sys.stdin:
		    if line == "link\n": os.link(f"/proc/self/fd/{fd}", "name", dst_dir_fd=os.open(".", os.O_RDONLY), follow_symlinks=True)
		    if line == "write\n": os.pwrite(fd, b"y", 0)
		    print(line, flush=True)
	EOT
	coproc python3 "$BATS_TEST_TMPDIR/nameless.py" "$dir" 3>&-
	step() { echo "$1" >&"${COPROC[1]}" && read -r _ <&"${COPROC[0]}"; }
	step none
	prints ""
	step link
	tells "create name"
	prints name # open for writing
	step write
	prints name
	exec {COPROC[1]}>&-
	wait "$COPROC_PID"
	prints name
	tells ""
}

@test "4.1 checkpoint: a name that is gone is told once, whatever other names there are" {
	echo x >"$dir/a"
	ln "$dir/a" "$dir/b"
	track "$dir"
	echo more >>"$dir/a"
	rm "$dir/a"
	tells $'delete a\nmodify b'
	tells ""
	echo more >>"$dir/b"
	mv "$dir/b" "$dir/c"
	tells $'rename c b\nmodify c'
	tells ""
}

@test "4.1 checkpoint: a directory that is moved into a new one and removed with it says what was in it" {
	mkdir "$dir/a"
	touch "$dir/a/x"
	track "$dir"
	mkdir "$dir/new"
	mv "$dir/a" "$dir/new/b"
	rm -r "$dir/new"
	mkdir "$dir/a"
	prints $'a/x\nnew' --deleted
}

@test "4 checkpoint: what was below a directory that made room for another one" {
	outside=$(new_dir outside)
	mkdir -p "$dir"/{moved,removed,left}/sub
	touch "$dir"/{moved,removed,left}/{x,sub/y}
	track "$dir"
	mv "$dir/moved" "$dir/elsewhere"
	rm -r "$dir/removed"
	mv "$dir/left" "$outside/left"
	mkdir "$dir"/{moved,removed,left}
	touch "$dir"/{moved,removed,left}/new
	prints "$(printf '%s\n' left/sub left/x moved/sub moved/x removed/sub removed/x)" --deleted
}

@test "4 checkpoint: a directory that became a file is one line, in JSON a deletion first" {
	mkdir "$dir/d"
	touch "$dir/d/x" "$dir/f"
	track "$dir"
	rm -r "$dir/d"
	touch "$dir/d"
	tells $'delete d\ncreate d' --peek
	tells "create d" --peek --changed
	prints d --changed --deleted
	# While a list is made, or after: what the one list tells of is elsewhere now.
	mkdir "$dir/e"
	touch "$dir/e/x"
	first=$(hsm-checkpoint --list "$dir" | tail -n 1 | cut -f1)
	prints $'e\ne/x'
	mv "$dir/e" "$dir/g"
	mv "$dir/f" "$dir/e"
	tells $'delete e\ncreate e\ndelete f\ncreate g\ncreate g/x' --since "$first"
}

@test "4.1 checkpoint: what was removed from a directory outside, before it was moved back or another one came" {
	outside=$(new_dir outside)
	mkdir -p "$dir"/{a,b,c}/sub
	touch "$dir"/{a,b,c}/{x,sub/y}
	track "$dir"
	heard() { # the tracker has heard that these are outside
		touch "$outside/$RANDOM" "$outside/a/sub/new" "$outside/c/new"
		hsm-checkpoint -q --peek "$dir"
	}
	mv "$dir/a" "$dir/b" "$dir/c" "$outside"
	heard
	rm -r "$outside/a/x" "$outside/b"
	rm "$outside"/{a,c}/sub/y
	mv "$outside/c/sub" "$outside/moved"
	heard
	mv "$outside/a" "$dir/a"
	mkdir "$dir"/{b,c}
	touch "$dir/b/other"
	# (What came and went outside may be in it.)
	prints $'a/sub/y\na/x\nb/sub\nb/x\nc/new\nc/sub\nc/x' --deleted --peek
	hsm-checkpoint "$dir" | grep -qx a/sub/new
	prints ""
}

@test "4.1 checkpoint: a file that was outside for a while has other content, whatever its name" {
	outside=$(new_dir outside)
	for name in back moved over; do
		echo "$name" >"$dir/$name"
	done
	track "$dir"
	touch "$outside/heard"
	hsm-checkpoint -q --peek "$dir"
	mv "$dir"/{back,moved} "$outside"
	touch "$outside/again"
	hsm-checkpoint -q --peek "$dir"
	echo unheard | tee -a "$outside/back" >>"$outside/moved"
	mv "$outside/back" "$dir/back"
	mv "$outside/moved" "$dir/elsewhere"
	chmod 600 "$dir/over"
	mv "$dir/over" "$dir/within"
	tells "$(printf '%s\n' 'create back' 'rename elsewhere moved' 'modify elsewhere' 'attrib elsewhere' \
		'rename within over' 'attrib within')"
}

@test "4 checkpoint: all names of a file with several, also when the one that was used is gone" {
	mkdir "$dir/sub"
	echo x >"$dir/a"
	ln "$dir/a" "$dir/sub/b"
	ln "$dir/a" "$dir/c"
	track "$dir"
	echo more >>"$dir/a"
	prints $'a\nc\nsub/b'
	echo more >>"$dir/a"
	rm "$dir/a" "$dir/c"
	prints sub/b
	chmod 600 "$dir/sub/b"
	prints sub/b
}

@test "4 checkpoint: who has a file open or mapped for writing is in every list until it is closed" {
	head -c 8192 /dev/zero >"$dir/mapped"
	echo x >"$dir/open"
	track "$dir"
	python3 - "$dir" "$SCRATCH/go" <<-'EOT' 3>&- &
		import mmap, os, sys, time
		os.chdir(sys.argv[1])
		os.write(os.open("open", os.O_WRONLY), b"y")
		fd = os.open("mapped", os.O_RDWR)
		os.pwrite(fd, b"a", 0) # now it has been seen
		m = mmap.mmap(fd, 8192)
		os.close(fd)
		open(sys.argv[2], "w").close()
		while os.path.exists(sys.argv[2]): m[0:1] = b"b"; time.sleep(0.01)
	EOT
	local writer=$! # a process substitution sets it, too
	wait_for "the mapping" test -e "$SCRATCH/go"
	prints $'mapped\nopen'
	prints $'mapped\nopen'
	rm "$SCRATCH/go"
	wait "$writer"
	prints $'mapped\nopen'
	prints ""
}

@test "4 checkpoint: reading, looking and what the tracker does itself are no changes" {
	mkdir "$dir/a"
	echo x >"$dir/a/f"
	track "$dir"
	cat "$dir/a/f"
	ls -lR "$dir" >/dev/null
	find "$dir" -type f -exec sha256sum {} +
	for _ in 1 2 3; do
		prints ""
	done
	[[ $(stat -c %a "$dir/.hsm" "$dir/.hsm/journal") == $'700\n700' ]]
}

@test "4 checkpoint: a whole file system is tracked like a part of one" {
	dir=$MNT
	track "$dir"
	mkdir -p "$dir/whole/a/b"
	touch "$dir/whole/a/b/f"
	prints $'whole\nwhole/a\nwhole/a/b\nwhole/a/b/f'
	mv "$dir/whole/a" "$dir/whole/c"
	tells $'rename whole/c whole/a\nrename whole/c/b whole/a/b\nrename whole/c/b/f whole/a/b/f'
	rm -r "$dir/whole"
	prints whole --deleted
}

# ----------------------------------------------------------------- bad input --

@test "4 checkpoint: names: newlines need -0, JSON has all, rescan is no name" {
	track "$dir"
	touch "$dir/new"$'\n'"line" "$dir/rescan ." "$dir/-x" "$dir/#x" "$dir/"$'\xff'
	id=$(hsm-checkpoint --list "$dir" | tail -n 1 | cut -f1)
	run --separate-stderr hsm-checkpoint "$dir"
	[[ $status == 1 && -z $output && $stderr == *"use -0"* ]]
	cmp <(hsm-checkpoint -0 --since "$id" "$dir") <(printf '%s\0' './#x' ./-x $'new\nline' "./rescan ." $'\xff')
	hsm-checkpoint --json --since "$id" "$dir" | jq -es 'any(.path == "new\nline")'
	[[ $(hsm-checkpoint --json --since "$id" "$dir" | wc -l) == 5 ]]
}

@test "4 checkpoint: a second tracker, no tracker, no directory, no such file system" {
	refused 1 hsm-checkpoint "$dir"
	refused 1 hsm-checkpoint --list "$dir"
	refused 1 hsm-checkpoint --watch "$dir/none"
	refused 1 hsm-checkpoint "$dir/none"
	track "$dir"
	refused 1 hsm-checkpoint --watch "$dir"
	prints ""
	refused 3 hsm-checkpoint --watch /proc
	untrack "$dir"
	refused 1 hsm-checkpoint "$dir"
	[[ -n $(hsm-checkpoint --list "$dir") ]]
}

@test "4 checkpoint: a copy with journal and all: its tracker is not taken for that of the original" {
	local copy=$dir.copy
	track "$dir"
	untrack "$dir"
	cp -a "$dir" "$copy"
	echo "$copy" >>"$(scope)/made"
	track_only "$copy"
	touch "$copy/other"
	refused 1 hsm-checkpoint "$dir"
	refused 1 hsm-checkpoint --peek "$dir"
	refused 1 hsm-checkpoint --watch "$dir"
	untrack "$copy"
	track "$dir"
	touch "$dir/one"
	prints one
}

@test "4 checkpoint: after a time without a tracker: rescan ." {
	track "$dir"
	untrack "$dir"
	touch "$dir/unseen"
	track_only "$dir"
	run --separate-stderr hsm-checkpoint "$dir"
	[[ $status == 1 && $output == "rescan ." ]]
	touch "$dir/seen"
	prints seen
}

@test "4 checkpoint: after SIGKILL of the tracker: rescan ., also for --since" {
	track "$dir"
	id=$(hsm-checkpoint --list "$dir" | tail -n 1 | cut -f1)
	touch "$dir/a"
	untrack "$dir" KILL
	track_only "$dir"
	for arguments in "--peek" "--since $id" "" "--since $id"; do
		# shellcheck disable=SC2086
		run --separate-stderr hsm-checkpoint $arguments "$dir"
		[[ $status == 1 && $output == "rescan ." ]]
	done
	prints ""
}

@test "4 checkpoint: a broken pipe loses nothing" {
	track "$dir"
	id=$(hsm-checkpoint --list "$dir" | tail -n 1 | cut -f1)
	touch "$dir"/{a,b,c}
	run --separate-stderr bash -c 'exec hsm-checkpoint "$1" > >(:); ' - "$dir"
	hsm-checkpoint "$dir" >/dev/full && fail "nobody has read it" || true
	prints $'a\nb\nc' --since "$id"
}

@test "4 checkpoint: a full disk: writers go on, and the next list is rescan ." {
	mkdir "$BATS_TEST_TMPDIR/small"
	truncate -s 16M "$BATS_TEST_TMPDIR/small.img"
	mkfs.ext4 -q -F "$BATS_TEST_TMPDIR/small.img"
	mount -o loop "$BATS_TEST_TMPDIR/small.img" "$BATS_TEST_TMPDIR/small"
	mkdir "$BATS_TEST_TMPDIR/small/store"
	head -c 12M /dev/zero >"$BATS_TEST_TMPDIR/small/ballast"
	track "$dir" --store "$BATS_TEST_TMPDIR/small/store/s"
	touch "$dir/before"
	prints before
	head -c 20M /dev/zero >>"$BATS_TEST_TMPDIR/small/ballast" || true
	(cd "$dir" && for i in {1..6000}; do : >"name-$i-$i-$i-$i-$i-$i"; done)
	run --separate-stderr hsm-checkpoint "$dir"
	[[ $status == 1 && $output == "rescan ." ]]
	rm "$BATS_TEST_TMPDIR/small/ballast"
	# Nothing, or, when the disk was too full for the list as well, the same.
	hsm-checkpoint -q "$dir" || true
	touch "$dir/after"
	prints after
	untrack "$dir"
	umount "$BATS_TEST_TMPDIR/small"
}
