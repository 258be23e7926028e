# SPDX-License-Identifier: GPL-2.0-or-later
# fs: ext4 xfs btrfs
# takes: 100
#
# Issue line 4: byte-identical through every program, each from cold.

BATS_TEST_TIMEOUT=240
load lib/helpers

setup_file() {
	export DIR OUT ELSEWHERE
	DIR=$(new_dir reading)
	# Each file is to be cold when its turn comes.
	serve "${REMOTE}files/" "$DIR" --read-ahead-files 0
	OUT=$(new_dir out)
	ELSEWHERE=$SCRATCH/elsewhere
	mkdir -p "$ELSEWHERE"
}

teardown_file() {
	stop_all
	rm -rf "$ELSEWHERE"
}

teardown() {
	rm -rf "$OUT"/* "$ELSEWHERE"/*
	stop_all
	hsm-evict -q -R "$DIR/sizes" "$DIR/big"
}

# Let a program make TARGET from the placeholder SOURCE.
copy_by() { # PROGRAM SOURCE TARGET
	local source=$2 target=$3
	case $1 in
	cat) cat "$source" >"$target" ;;
	cp | install | mv) "$1" "$source" "$target" ;;
	"cp "*) $1 "$source" "$target" ;;
	"tar "* | "bsdtar "*)
		# tar ends with 1 when ctime moves between its stat and its read, as
		# the fill of a streamed file makes it: hsm.7 says so.
		{ $1 -f "$target.tar" -C "$(dirname "$source")" "$(basename "$source")" || [ $? = 1 ]; } &&
			tar -xf "$target.tar" -C "$ELSEWHERE" &&
			rm "$target.tar" &&
			mv "$ELSEWHERE/$(basename "$source")" "$target" ;;
	"rsync "*) $1 "$source" "$target" ;;
	gzip) gzip -1 -c "$source" | gunzip -c >"$target" ;;
	dd) dd if="$source" of="$target" bs=1M iflag=direct status=none ;;
	*) python3 "$TESTS/tools/read.py" "$1" "$source" "$target" ;;
	esac
}

# Is the copy that PROGRAM makes right, from a cold file of every size?
copies() { # PROGRAM [TARGET-DIRECTORY [FILE...]]
	local program=$1 to=${2:-$ELSEWHERE} file
	shift $(($# < 2 ? $# : 2))
	[ $# -gt 0 ] || set -- sizes/{0,1,4095,4096,4097,text,5M,64M} big/1G
	for file; do
		# An empty file has nothing that could be absent.
		[ ! -s "$TREES/files/$file" ] || cold "$DIR/$file"
		bounded -90 copy_by "$program" "$DIR/$file" "$to/copy" ||
			fail "$program $file: fails"
		cmp "$to/copy" "$TREES/files/$file" || fail "$program $file: wrong bytes"
		rm -f "$to/copy"
	done
}
export -f copy_by

@test "2.4 reading: cat" { copies cat; }
@test "2.4 reading: cp" { copies cp; }
@test "2.4 reading: cp in one file system" { copies cp "$OUT"; }
@test "2.4 reading: cp --sparse=never" { copies "cp --sparse=never"; }
@test "2.4 reading: cp --reflink=auto" { copies "cp --reflink=auto" "$OUT"; }
@test "2.4 reading: install" { copies install; }
@test "2.4 reading: tar -c" { copies "tar -c"; }
@test "2.4 reading: tar -cS" { copies "tar -cS"; }
@test "2.4 reading: bsdtar -c up to the stream limit" {
	copies "bsdtar -c" "$ELSEWHERE" sizes/{0,1,4095,4096,4097,text,5M}
}
@test "2.4 reading: rsync -a" { copies "rsync -a"; }
@test "2.4 reading: rsync -aS" { copies "rsync -aS"; }
@test "2.4 reading: gzip" { copies gzip; }
@test "2.4 reading: dd iflag=direct" { copies dd; }
@test "2.4 reading: mmap" { copies mmap; }
@test "2.4 reading: shutil.copyfile" { copies copyfile; }
@test "2.4 reading: sendfile" { copies sendfile; }
@test "2.4 reading: splice" { copies splice; }
@test "2.4 reading: copy_file_range" { copies copy_file_range "$OUT"; }

@test "2.4 reading: mv to another file system" {
	serve_tree files/sizes --read-ahead-files 0
	local name
	for name in 0 1 4095 4096 4097 text 5M 64M; do
		[ "$name" = 0 ] || cold "$dir/$name"
		bounded mv "$dir/$name" "$ELSEWHERE/$name"
		cmp "$ELSEWHERE/$name" "$TREES/files/sizes/$name"
		[ ! -e "$dir/$name" ]
	done
}

@test "2.4 reading: mv of 1 GiB to another file system" {
	serve_tree files/big
	cold "$dir/1G"
	bounded -90 mv "$dir/1G" "$ELSEWHERE/1G"
	cmp "$ELSEWHERE/1G" "$TREES/files/big/1G"
}

@test "2.4 reading: sha256sum" {
	cold "$DIR"/sizes/{1,4095,4096,4097,text,5M,64M} "$DIR/big/1G"
	cd "$DIR/sizes"
	bounded sha256sum --quiet -c "$TREES/sizes.sha256"
	cd "$DIR/big"
	bounded -90 sha256sum --quiet -c "$TREES/big.sha256"
}

@test "2.4 reading: grep -c takes text for text" {
	cold "$DIR/sizes/text"
	run bounded grep -c needle "$DIR/sizes/text"
	[ "$output" = "$(grep -c needle "$TREES/files/sizes/text")" ]
	chill "$DIR/sizes/text"
	run bounded grep needle "$DIR/sizes/text"
	[ "$output" = "$(grep needle "$TREES/files/sizes/text")" ]
}

@test "2.4 reading: executing a binary" {
	chmod +x "$DIR/programs/binary"
	cold "$DIR/programs/binary"
	[ "$(bounded "$DIR/programs/binary" -c 'echo $((6 * 7))')" = 42 ]
}

@test "2.4 reading: git clone of a bare repository" {
	export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0="*"
	bounded git clone -q --no-local "$DIR/programs/repository.git" "$ELSEWHERE/clone"
	[ "$(git -C "$ELSEWHERE/clone" rev-parse HEAD)" = \
		"$(git -C "$TREES/files/programs/repository.git" rev-parse main)" ]
	git -C "$ELSEWHERE/clone" fsck --full
}

@test "2.4 reading: sqlite3 with and without mmap_size" {
	local size
	for size in 0 100000000; do
		hsm-evict -q "$DIR/programs/data.db"
		cold "$DIR/programs/data.db"
		run bounded sqlite3 "file:$DIR/programs/data.db?mode=ro" \
			"PRAGMA mmap_size=$size; PRAGMA integrity_check; SELECT count(*), sum(id) FROM t WHERE name > '';"
		[ "$status" = 0 ]
		[ "${lines[-2]}" = ok ]
		[ "${lines[-1]}" = "50000|1249975000" ]
	done
}

@test "2.4 reading: a file up to --stream-above is filled whole at open, a larger one is not" {
	serve_tree files/sizes --stream-above 4M
	head -c 1 "$dir/text" >/dev/null
	head -c 1 "$dir/5M" >/dev/null
	is online "$dir/text"
	is partial "$dir/5M"
}

@test "2.4 reading: --stream-above above everything turns streaming off" {
	serve_tree files/sizes --stream-above 1G
	head -c 1 "$dir/64M" >/dev/null
	is online "$dir/64M"
	bounded bsdtar -cf "$ELSEWHERE/all.tar" -C "$dir" 64M
	tar -xf "$ELSEWHERE/all.tar" -C "$ELSEWHERE"
	cmp "$ELSEWHERE/64M" "$TREES/files/sizes/64M"
}

@test "2.4 reading: a streamed file reserves its space at open, ENOSPC then" {
	local free
	cold "$DIR/big/1G"
	free=$(df --output=avail -B1 "$MNT" | tail -n 1)
	fallocate -l $((free - (600 << 20))) "$OUT/filler"
	run bounded head -c 1 "$DIR/big/1G"
	[ "$status" -ne 0 ]
	[[ $output == *"No space left on device"* ]]
	# What is there is still good.
	same "$DIR/sizes/5M" "$TREES/files/sizes/5M"
	rm "$OUT/filler"
	sync -f "$MNT"
	bounded cmp "$DIR/big/1G" "$TREES/files/big/1G"
}

@test "2.4 reading: --whole-for names programs that get the whole file" {
	serve_tree files/sizes --whole-for head,nothing
	bounded head -c 1 "$dir/64M" >/dev/null
	is online "$dir/64M"
	chill "$dir/64M"
	bounded dd if="$dir/64M" of=/dev/null bs=1 count=1 status=none
	is partial "$dir/64M"
}

@test "2.4 reading: bsdtar gets the whole file whatever its size" {
	cold "$DIR/sizes/64M"
	bounded bsdtar -cf "$ELSEWHERE/all.tar" -C "$DIR/sizes" 64M
	tar -xf "$ELSEWHERE/all.tar" -C "$ELSEWHERE"
	cmp "$ELSEWHERE/64M" "$TREES/files/sizes/64M"
}

@test "2.4 reading: a script that looks for holes is known by its name, as borg is" {
	cold "$DIR/sizes/64M"
	{
		echo "#!$(python3 -c 'import sys; print(sys.executable)')"
		cat <<-'EOT'
			import os, sys
			source = os.open(sys.argv[1], os.O_RDONLY)
			size = os.fstat(source).st_size
			assert os.lseek(source, 0, os.SEEK_HOLE) == size
		EOT
	} >"$BATS_TEST_TMPDIR/borg"
	chmod +x "$BATS_TEST_TMPDIR/borg"
	bounded "$BATS_TEST_TMPDIR/borg" "$DIR/sizes/64M"
}
