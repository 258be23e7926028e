# SPDX-License-Identifier: GPL-2.0-or-later
# fs: ext4 xfs
#
# Issue line 2: real listings of real servers, for the odd names of names.tsv.

load lib/helpers

# Files of the tree "odd" that SERVER itself cannot list or deliver.
missing_on() { # SERVER: a regular expression
	case $1 in
	nginx*) echo '\./\..*' ;;
	lighttpd) echo '\./\..*\|\./newline[^/]*\|\./tab[^/]*' ;;
	python) echo '\./latin1-.*' ;;
	esac
}

files_of() { # DIR REGEX FORMAT: every file without those that match REGEX
	(cd "$1" && LC_ALL=C find . -path ./.hsm -prune -o -type f ! -regex "$2" -printf "$3") | sort -z
}

lists() { # SERVER PRECISION: 0 when its listing has no times
	local server=$1 precision=$2 missing file exact wanted=$BATS_TEST_TMPDIR/wanted
	missing=$(missing_on "$server")
	dir=$(new_dir "$server")
	serve "$(server_url "$server")odd/" "$dir"

	files_of "$TREES/odd" "$missing" "%P %s\0" >"$wanted"
	files_of "$dir" "$missing" "%P %s\0" | cmp - "$wanted" ||
		fail "names or sizes differ: $(files_of "$dir" "$missing" "%P %s\0" | diff -a <(tr '\0' '\n' <"$wanted") <(tr '\0' '\n') | head)"

	while IFS= read -r -d '' file; do
		# Where a HEAD was needed, it knew the second.
		exact=$(modified "$TREES/odd/$file")
		((precision == 0 || $(modified "$dir/$file") == exact ||
			$(modified "$dir/$file") == exact / precision * precision)) ||
			fail "$file: mtime $(stat -c %y "$dir/$file")"
		case $file in
		sparse-*) same_start "$dir/$file" "$TREES/odd/$file" 1000000 ;;
		*) bounded cmp "$dir/$file" "$TREES/odd/$file" ;;
		esac || fail "$file: wrong content"
	done < <(files_of "$TREES/odd" "$missing" "%P\0")
}

@test "2.2 listing: nginx" { lists nginx 60; }
@test "2.2 listing: nginx with rounded sizes" { lists nginx-rounded 60; }
@test "2.2 listing: nginx JSON" { lists nginx-json 1; }
@test "2.2 listing: apache fancy index" { lists apache-fancy 60; }
@test "2.2 listing: apache HTMLTable" { lists apache-table 60; }
@test "2.2 listing: apache plain" { lists apache-plain 0; }
@test "2.2 listing: lighttpd" { lists lighttpd 1; }
@test "2.2 listing: caddy" { lists caddy 1; }
@test "2.2 listing: python http.server" { lists python 0; }

@test "2.2 listing: every server's files of all sizes read right" {
	local server name
	for server in $LISTING_SERVERS; do
		dir=$(new_dir "$server")
		serve "$(server_url "$server")files/sizes/" "$dir"
		for name in 0 1 4095 4096 4097 text 5M 64M; do
			[ "$(stat -c %s "$dir/$name")" = "$(stat -c %s "$TREES/files/sizes/$name")" ] ||
				fail "$server: size of $name: $(stat -c %s "$dir/$name")"
			bounded cmp "$dir/$name" "$TREES/files/sizes/$name" || fail "$server: $name"
		done
		stop "$dir"
		rm -rf "$dir"
	done
}

@test "2.2 listing: a stored .gz is itself, also when apache calls it encoded" {
	local there=$TREES/tmp/encoded url
	mkdir -p "$there"
	head -c 100000 /dev/urandom | gzip -n >"$there/small.gz"
	head -c 30M /dev/urandom >"$there/large.tgz"
	url=$(server_url apache-plain)tmp/encoded/
	curl -sI "$url/small.gz" | grep -qi '^content-encoding: x-gzip' # or it proves nothing
	dir=$(new_dir encoded)
	serve "$url" "$dir"
	# From the middle: a range of the stored bytes.
	bounded cmp <(tail -c 1M "$dir/large.tgz") <(tail -c 1M "$there/large.tgz")
	same "$dir/large.tgz" "$there/large.tgz"
	same "$dir/small.gz" "$there/small.gz"
	rm -r "$there"
}
