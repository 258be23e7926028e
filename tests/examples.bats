# SPDX-License-Identifier: GPL-2.0-or-later
# takes: 15
#
# Issue 2: what README.md and the man pages give as examples works when it is pasted,
# with the directories and the server of a test in place of theirs.

load lib/helpers
load lib/tracking

setup() {
	local tree=$TREES/tmp/examples
	needs_log
	mkdir -p "$tree"/linux/firmware/a "$tree/film"
	head -c 300000 /dev/urandom | tee "$tree"/linux/firmware/{one,a/two} >"$tree/film/x y.mkv"
	tar -C "$tree" -czf "$tree/linux/file.tar.gz" linux/firmware
	truncate -s 101M "$tree/large"
	echo index >"$tree/index.html"
	url=${REMOTE}tmp/examples/
	dir=$(new_dir pub)
	home=$(new_dir home)
	backup=$BATS_TEST_TMPDIR/backup
	mkdir "$backup"
	cd "$BATS_TEST_TMPDIR"
	# For "serve": whatever the example serves is ended with the test.
	echo "$dir" >>served
}

teardown() {
	untrack_all
	rm -rf "$TREES/tmp/examples"
	stop_all
}

# Of a man page: its examples, a NUL behind each.
page() { # COMMAND
	awk '/^\.Sh/ { here = /EXAMPLES/; next }
		!here { next }
		/^\.Bd -literal/ { text = ""; next }
		/^\.Ed/ { printf "%s%c", text, 0; next }
		/^\.Dl / { printf "%s\n%c", substr($0, 5), 0 }
		{ text = text $0 "\n" }' "$TOP/man/$1.8" | sed -z 's/\\e/\\/g; s/\\&//g'
}

# The same of the table in README.md.
table() {
	sed -n 's/^| .* | `\(.*\)` \(([^)]*) \)\?|$/\1/p' "$TOP/README.md" | grep -v '^make' |
		sed 's/\\|/|/g' | tr '\n' '\0'
}

# Run each of the examples, here.
paste() { # <EXAMPLES
	local example
	ran=0
	while IFS= read -rd '' example; do
		# Units, and lines of a crontab.
		[[ $example != "["* && $example != [0-9]* && $example != systemctl* ]] || continue
		example=${example//https:\/\/cdn.example.org\/pub\//$url}
		example=${example//http:\/\/127.0.0.1:8080\/pub\//$url}
		example=${example//\/srv\/pub/$dir}
		example=${example//\/home/$home}
		example=${example//\/backup\//$backup/}
		example=${example//\/run\//$BATS_TEST_TMPDIR/}
		echo "$example" >example
		bounded bash -eo pipefail example >out 2>err </dev/null 3>&- || {
			cat example out err
			fail "exit status $?"
		}
		ran=$((ran + 1))
	done
}

@test "2 examples: hsm-serve.8" {
	page hsm-serve | head -zn 1 | paste
	grep -q ' linux/firmware/one$' out
	wait_for "the end of the server" gone "$dir"
	serve "$url" "$dir"
	page hsm-serve | tail -zn +2 | { paste; ((ran == 1)); }
	[ "$(<out)" -gt 0 ]
}

@test "2 examples: hsm-evict.8" {
	serve "$url" "$dir"
	bounded cat "$dir/large" "$dir/film/x y.mkv" >/dev/null
	touch -ad '31 days ago' "$dir/film/x y.mkv"
	page hsm-evict | { paste; ((ran == 4)); }
	[ "$(<evicted.list)" = "$dir/film/x y.mkv" ]
	[ "$(resident "$dir/large")" = 0 ]
}

@test "2 examples: hsm-prefetch.8" {
	serve "$url" "$dir"
	echo "$dir/large" >evicted.list
	page hsm-prefetch | { paste; ((ran == 4)); }
	is online "$dir"/linux/firmware/{one,a/two} "$dir/large" "$dir/film/x y.mkv"
}

@test "2 examples: hsm-mark.8" {
	serve "$url" "$dir"
	echo x >>"$dir/index.html"
	page hsm-mark | { paste; ((ran == 5)); }
	[ "$(state "$dir/index.html") $(flags "$dir/index.html")" = "dirty pinned" ]
}

@test "2 examples: hsm-checkpoint.8" {
	serve "$url" "$dir"
	track "$home"
	mkdir copy
	echo new >"$home/new"
	hsm-checkpoint -q "$dir" || true
	echo new >"$dir/new"
	page hsm-checkpoint | paste
	tar -tf "$backup/$(date +%F).tgz" | grep -qx new
	[ "$(<copy/new)" = new ]
}

@test "2 examples: the table of README.md" {
	track_only "$home"
	hsm-checkpoint -q "$home" || true
	echo new >"$home/new"
	# Here the tracker of the example would be the second one.
	table | grep -zv -- --watch | { paste; ((ran == 16)); }
	tar -tf inc.tar | grep -qx new
	tar -tf inc.tar.zst >/dev/null
	wait_for "the end of the server" gone "$dir"
}
