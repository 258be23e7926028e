# SPDX-License-Identifier: GPL-2.0-or-later
# fs: ext4
#
# The network and the remote fail: what whoever reads a file of the tree sees.
# Each test has a cold file of its own in two trees, one whose files come whole
# and one whose files are streamed, and reads both at once; --timeout is 3 s.

load lib/helpers

TIMEOUT=3
RETRIES=2

setup_file() {
	root=$BATS_FILE_TMPDIR/root
	mkdir -p "$root/whole" "$root/stream"
	python3 - "$root" <<-'EOT'
		import os, random, sys
		for tree, size in (("whole", 300000), ("stream", 1300000)):
		    for name in [k + str(n) for k in "fn" for n in range(1, 61)]:
		        data = random.Random(tree + name).randbytes(size)
		        path = os.path.join(sys.argv[1], tree, name)
		        with open(path, "wb") as file:
		            file.write(data.replace(b"\0", b"z"))
		        os.utime(path, (1600000020, 1600000020))
	EOT
	export root
	fault_server "$BATS_FILE_TMPDIR/server" "$root"
	export pid port
	whole=$(new_dir whole) stream=$(new_dir stream)
	export whole stream
	serve_faults whole "$whole"
	serve_faults stream "$stream" --stream-above 64K
}

teardown_file() {
	stop_all
	kill "$pid"
}

teardown() {
	local extra
	stop_all
	for extra in ${others:-}; do
		kill "$extra" 2>/dev/null || true
	done
}

# Start a fault server; sets $pid and $port.
fault_server() { # WORK ROOT [OPTION...]
	local work=$1 files=$2
	shift 2
	mkdir -p "$work"
	rm -f "$work/port"
	python3 "$TESTS/fault-server.py" --port-file "$work/port" "$@" "$files" \
		</dev/null >"$work/output" 2>&1 3>&- &
	pid=$!
	wait_for "the fault server" test -s "$work/port"
	port=$(<"$work/port")
}

serve_faults() { # PATH DIR [OPTION...]
	local path=$1 where=$2
	shift 2
	serve "http://127.0.0.1:$port/$path/" "$where" --jobs 4 --read-ahead-files 0 --retries "$RETRIES" \
		--timeout "$TIMEOUT" "$@"
}

order() { # PATH QUERY
	curl -sfX POST "http://127.0.0.1:$port/_fault?path=$1&$2"
}

heal() { # PATH...
	local path
	for path; do
		curl -sfX POST "http://127.0.0.1:$port/_heal?path=$path"
	done
}

# The requests for PATH so far, one JSON object a line.
asked() { # PATH [METHOD]
	curl -sf "http://127.0.0.1:$port/_log" |
		jq -c --arg path "$1" --arg method "${2:-GET}" \
			'select(.path == $path and .method == $method)'
}

now_ms() {
	date +%s%3N
}

# What must not move when a fill fails.
looks() { # FILE
	echo "$(stat -c '%s %y %a %u' "$1") $(state "$1") $(resident "$1")"
}

# Read FILE and see that the reader gets WANTED (right, EIO), soon, and no byte that
# the remote did not write.
reads() { # FILE MODEL WANTED
	local before result=0 out
	out=$(mktemp -p "$BATS_TEST_TMPDIR")
	before=$(now_ms)
	bounded -20 cat "$1" >"$out" 2>"$out.err" || result=$?
	took=$(($(now_ms) - before))
	((took <= TIMEOUT * 1000 + 1500)) || fail "$1: it took $took ms"
	case $3 in
	right)
		((result == 0)) || fail "$1: $(<"$out.err"), $(tail -n 2 "$(serve_log "${1%/*}")")"
		cmp "$out" "$2"
		;;
	EIO)
		((result == 1)) || fail "$1: exit status $result"
		[[ $(<"$out.err") == *": Input/output error" ]] || fail "$1: $(<"$out.err")"
		cmp -n "$(stat -c %s "$out")" "$out" "$2"
		;;
	esac
}

# In both trees: order faults for the file of this test, read it, read another file
# meanwhile, see that a failure left nothing behind, heal it, read again.
reader() { # gets WANTED KINDS [REQUESTS [part]]
	local wanted=$2 kinds=$3 requests=${4:-} part=${5:-} tree file path kind
	local n=$BATS_TEST_NUMBER first second before=()
	for tree in whole stream; do
		file=${!tree}/f$n
		for kind in $kinds; do
			order "/$tree/f$n" "kind=$kind"
		done
		before+=("$(looks "$file")")
	done
	reads "$whole/f$n" "$root/whole/f$n" "$wanted" & first=$!
	reads "$stream/f$n" "$root/stream/f$n" "$wanted" & second=$!
	for tree in whole stream; do
		TIMEOUT=1 reads "${!tree}/n$n" "$root/$tree/n$n" right
	done
	wait $first
	wait $second
	for tree in whole stream; do
		file=${!tree}/f$n path=/$tree/f$n
		if [[ $wanted == EIO && -z $part ]]; then
			[[ $(looks "$file") == "${before[0]}" ]] ||
				fail "$file was '${before[0]}' and is '$(looks "$file")'"
		fi
		before=("${before[@]:1}")
		[[ -z $requests || $(asked "$path" | wc -l) == "$requests" ]] ||
			fail "$file: $(asked "$path" | wc -l) requests: $(asked "$path")"
		heal "$path"
		reads "$file" "$root$path" right
		is online "$file"
		[ "$(modified "$file")" = 1600000020 ]
	done
}

# The pauses between the requests for the file of this test, in ms.
pauses() { # TREE
	asked "/$1/f$BATS_TEST_NUMBER" | jq -s '[range(1; length) as $i | (.[$i].time - .[$i - 1].time) * 1000 | floor] | .[]'
}

# ------------------------------------------------------------ connections --

@test "3.7 faults: a reset in the middle, once: right bytes, the rest is asked for" {
	reader gets right "reset&at=100000&times=1"
}

@test "3.7 faults: a reset each time after some bytes: right bytes, piece by piece" {
	reader gets right "reset&at=65536"
}

@test "3.7 faults: a reset each time before the first byte: EIO after the retries" {
	reader gets EIO "reset&at=0" $((RETRIES + 1))
}

@test "3.7 faults: a server that stops sending for ever: EIO after the bound" {
	reader gets EIO "stall&at=65536&times=1 stall&at=0" "" part
}

@test "3.7 faults: a server that sends nothing at all: EIO after the bound" {
	reader gets EIO "stall&at=-1"
}

@test "3.7 faults: a server that stops sending once: right bytes within the bound" {
	reader gets right "stall&at=65536&times=1"
}

@test "3.7 faults: a server that sends ten bytes a second: EIO after the bound" {
	reader gets EIO "slow&rate=1"
}

@test "3.7 faults: a reset after each byte, for ever: EIO after the bound" {
	reader gets EIO "reset&at=1"
}

@test "3.7 faults: a link of 300 bytes a second, longer than the bound: right bytes" {
	mkdir -p "$root/slow"
	head -c 1500 "$root/whole/f1" >"$root/slow/f"
	dir=$(new_dir slow)
	TIMEOUT=1 RETRIES=0 serve_faults slow "$dir" --worker-timeout 1
	order "/slow/f" "kind=slow&rate=300"
	TIMEOUT=7 reads "$dir/f" "$root/slow/f" right
	((took > 4000))
	[ "$(status "$dir" worker_restarts)" = 0 ]
}

@test "3.7 faults: a listing of ten bytes a second: given up after the bound" {
	local before
	mkdir -p "$root/slow"
	order "/slow/" "kind=slow&rate=1"
	before=$(now_ms)
	run serve_faults slow "$(new_dir slow)"
	[ "$status" = 4 ]
	(($(now_ms) - before < TIMEOUT * 1000 + 3000))
}

@test "3.7 faults: a proxy that cuts each answer at 64 KiB: right bytes" {
	reader gets right "cut&at=65536"
}

# Runs hsm-serve where only HOSTS says what a name means.
serve_with_hosts() { # HOSTS URL DIR [OPTION...]
	local hosts=$1
	shift
	echo "$2" >>"$(scope)/served"
	echo "hosts: files" >"$BATS_TEST_TMPDIR/nsswitch.conf"
	# Its mount is to be seen here, and ours of /etc/hosts nowhere else.
	mount --make-shared "$MNT"
	# shellcheck disable=SC2016 # for the inner shell
	timeout -k 5 60 unshare -m --propagation unchanged bash -c '
		mount --make-private / && mount --bind "$1" /etc/hosts &&
		mount --bind "$2" /etc/nsswitch.conf && exec hsm-serve -b "${@:3}"' - \
		"$hosts" "$BATS_TEST_TMPDIR/nsswitch.conf" "$@" </dev/null 3>&-
}

@test "3.7 faults: the name of the server cannot be resolved: EIO, then right again" {
	local hosts=$BATS_TEST_TMPDIR/hosts n=$BATS_TEST_NUMBER
	echo "127.0.0.1 remote.test" >"$hosts"
	dir=$(new_dir names)
	serve_with_hosts "$hosts" "http://remote.test:$port/whole/" "$dir" \
		--read-ahead-files 0 --retries "$RETRIES" --timeout "$TIMEOUT"
	echo "127.0.0.1 localhost" >"$hosts"
	reads "$dir/f$n" "$root/whole/f$n" EIO
	cold "$dir/f$n"
	echo "127.0.0.1 remote.test" >"$hosts"
	reads "$dir/f$n" "$root/whole/f$n" right
	[ "$(modified "$dir/f$n")" = 1600000020 ]
	stop "$dir"
	mount --make-private "$MNT"
}

@test "3.7 faults: TLS fails, the certificate is another's: EIO at once, then right again" {
	local name n=$BATS_TEST_NUMBER work=$BATS_TEST_TMPDIR/tls pid port
	mkdir "$work"
	for name in ours other; do
		openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 \
			-addext subjectAltName=IP:127.0.0.1 -keyout "$work/$name.key" \
			-out "$work/$name.crt" 2>/dev/null
		cat "$work/$name.crt" "$work/$name.key" >"$work/$name"
	done
	fault_server "$work" "$root" --cert "$work/ours"
	others=$pid
	dir=$(new_dir tls)
	serve "https://127.0.0.1:$port/whole/" "$dir" --cacert "$work/ours.crt" \
		--read-ahead-files 0 --retries "$RETRIES" --timeout "$TIMEOUT"
	kill "$pid"
	wait "$pid" || true
	fault_server "$work" "$root" --cert "$work/other" --port "$port"
	others=$pid
	TIMEOUT=1 reads "$dir/f$n" "$root/whole/f$n" EIO
	cold "$dir/f$n"
	kill "$pid"
	wait "$pid" || true
	fault_server "$work" "$root" --cert "$work/ours" --port "$port"
	others=$pid
	reads "$dir/f$n" "$root/whole/f$n" right
}

# --------------------------------------------------------------- statuses --

# STATUS for ever: EIO after all tries, with growing pauses.
passing() { # STATUS
	reader gets EIO "$1" $((RETRIES + 1))
	local tree first second
	for tree in whole stream; do
		read -r first second _ < <(pauses $tree | xargs)
		((first >= 95 && first < 1000 && second >= 195 && second < 1500)) ||
			fail "$tree: pauses of $first and $second ms"
	done
}

@test "3.7 faults: 500 for ever: EIO after the retries" {
	passing 500
}

@test "3.7 faults: 502 for ever: EIO after the retries" {
	passing 502
}

@test "3.7 faults: 503 for ever: EIO after the retries" {
	passing 503
}

@test "3.7 faults: 429 for ever: EIO after the retries" {
	passing 429
}

@test "3.7 faults: 500, 502 and 429 that pass: right bytes" {
	order "/whole/f$BATS_TEST_NUMBER" "kind=500&times=1"
	order "/stream/f$BATS_TEST_NUMBER" "kind=502&times=1"
	reader gets right "429&times=1"
}

@test "3.7 faults: 503 with Retry-After that passes: right bytes, not sooner" {
	reader gets right "503&after=1&times=1"
	(($(pauses whole) >= 1000 && $(pauses stream | head -n 1) >= 1000))
}

@test "3.7 faults: 429 with Retry-After as a date that passes: right bytes, not sooner" {
	reader gets right "429&date=2&times=1"
	(($(pauses whole) >= 900 && $(pauses stream | head -n 1) >= 900))
}

@test "3.7 faults: Retry-After later than the bound, in seconds: EIO at once" {
	TIMEOUT=0 reader gets EIO "503&after=60" 1
}

@test "3.7 faults: Retry-After later than the bound, as a date: EIO at once" {
	TIMEOUT=0 reader gets EIO "429&date=600" 1
}

@test "3.7 faults: 401: EIO at once" {
	TIMEOUT=0 reader gets EIO 401 1
}

@test "3.7 faults: 403: EIO at once" {
	TIMEOUT=0 reader gets EIO 403 1
}

# The file is said to be gone; a later read asks again.
is_gone() { # STATUS
	local n=$BATS_TEST_NUMBER
	order "/whole/f$n" "kind=$1"
	TIMEOUT=0 reads "$whole/f$n" "$root/whole/f$n" EIO
	is lost "$whole/f$n"
	[ "$(resident "$whole/f$n")" = 0 ]
	[ "$(modified "$whole/f$n")" = 1600000020 ]
	heal "/whole/f$n"
	reads "$whole/f$n" "$root/whole/f$n" right
	is online "$whole/f$n"
}

@test "3.7 faults: 404: EIO at once, the file is lost, until it is there again" {
	is_gone 404
}

@test "3.7 faults: 410: EIO at once, the file is lost, until it is there again" {
	is_gone 410
}

@test "3.7 faults: 416: EIO at once" {
	TIMEOUT=0 reader gets EIO "416&length=300000" 1
}

@test "3.7 faults: HEAD is refused (405): sizes and content are right all the same" {
	local n=$BATS_TEST_NUMBER
	mkdir -p "$root/names"
	cp -p "$root/whole/f$n" "$root/names"
	order "/names/" "kind=links"
	order "/names/*" "kind=405&method=HEAD"
	dir=$(new_dir names)
	serve_faults names "$dir"
	asked "/names/f$n" HEAD | grep -q 405
	[ "$(stat -c %s "$dir/f$n")" = 300000 ]
	[ "$(modified "$dir/f$n")" = 1600000020 ]
	reads "$dir/f$n" "$root/names/f$n" right
	bounded hsm-mark -q --refresh "$dir/f$n"
	[ "$(flags "$dir/f$n")" = - ]
}

# -------------------------------------------------------------- redirects --

@test "3.7 faults: a redirect on the same host: right bytes" {
	reader gets right "redirect"
}

@test "3.7 faults: a redirect loop: EIO" {
	reader gets EIO "loop"
}

@test "3.7 faults: a redirect to another host: EIO, nothing is sent there" {
	local n=$BATS_TEST_NUMBER here=$port there pid
	fault_server "$BATS_TEST_TMPDIR/there" "$root"
	others=$pid there=$port port=$here
	dir=$(new_dir redirect)
	serve_faults whole "$dir" --user somebody:secret
	order "/whole/f$n" "kind=redirect&to=http://127.0.0.1:$there/whole/f$n"
	TIMEOUT=0 reads "$dir/f$n" "$root/whole/f$n" EIO
	cold "$dir/f$n"
	asked "/whole/f$n" | grep -q Authorization
	port=$there
	[ -z "$(asked "/whole/f$n")" ]
	port=$here
	heal "/whole/f$n"
	reads "$dir/f$n" "$root/whole/f$n" right
}

@test "3.7 faults: a redirect to an allowed host: right bytes, who we are is not sent there" {
	local n=$BATS_TEST_NUMBER here=$port there pid
	fault_server "$BATS_TEST_TMPDIR/there" "$root" --address 127.0.0.2
	others=$pid there=127.0.0.2:$port port=$here
	echo "default login somebody password secret" >"$BATS_TEST_TMPDIR/.netrc"
	dir=$(new_dir redirect)
	HOME=$BATS_TEST_TMPDIR serve_faults whole "$dir" --user somebody:secret --netrc \
		--header "X-Secret: secret" --header "Cookie: secret" --allow-redirect "example.org,$there"
	order "/whole/f$n" "kind=redirect&to=http://$there/whole/f$n"
	order "/whole/n$n" "kind=redirect&to=http://127.0.0.2:1/whole/n$n"
	reads "$dir/f$n" "$root/whole/f$n" right
	asked "/whole/f$n" >"$BATS_TEST_TMPDIR/here"
	curl -sf "http://$there/_log" >"$BATS_TEST_TMPDIR/there.log"
	for word in Authorization X-Secret Cookie; do
		grep -q "$word" "$BATS_TEST_TMPDIR/here"
	done
	grep -q "/whole/f$n" "$BATS_TEST_TMPDIR/there.log"
	run ! grep -iE "authorization|secret|cookie" "$BATS_TEST_TMPDIR/there.log"
	# Another port is another server.
	TIMEOUT=0 reads "$dir/n$n" "$root/whole/n$n" EIO
	heal "/whole/n$n"
	reads "$dir/n$n" "$root/whole/n$n" right
	asked "/whole/n$n" | tail -n 1 | grep Authorization
}

@test "3.7 faults: a redirect from https to http, to an allowed host: EIO, nothing is sent there" {
	local n=$BATS_TEST_NUMBER there pid port work=$BATS_TEST_TMPDIR/tls
	fault_server "$BATS_TEST_TMPDIR/there" "$root" --address 127.0.0.2
	others=$pid there=127.0.0.2:$port
	mkdir "$work"
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 \
		-addext subjectAltName=IP:127.0.0.1 -keyout "$work/key" -out "$work/crt" 2>/dev/null
	cat "$work/crt" "$work/key" >"$work/both"
	fault_server "$work" "$root" --cert "$work/both"
	others+=" $pid"
	dir=$(new_dir tls)
	serve "https://127.0.0.1:$port/whole/" "$dir" --cacert "$work/crt" --read-ahead-files 0 \
		--allow-redirect "$there"
	curl -skfX POST "https://127.0.0.1:$port/_fault?path=/whole/f$n&kind=redirect&to=http://$there/whole/f$n"
	TIMEOUT=0 reads "$dir/f$n" "$root/whole/f$n" EIO
	curl -skfX POST "https://127.0.0.1:$port/_heal?path=/whole/f$n"
	reads "$dir/f$n" "$root/whole/f$n" right
	[ -z "$(curl -sf "http://$there/_log")" ]
}

# ------------------------------------------------------------------ bodies --

@test "3.7 faults: a body that is shorter than said: right bytes, the rest is asked for" {
	reader gets right "cut&at=1000&times=1"
}

@test "3.7 faults: a body without length that is shorter than the file: EIO" {
	reader gets EIO "close&by=-400000" "" part
}

@test "3.7 faults: a body that is longer than said: right bytes" {
	reader gets right "long&by=100"
}

@test "3.7 faults: a body without length that is longer than the file: EIO" {
	reader gets EIO "chunked&by=100" "" part
}

@test "3.7 faults: no Content-Length, the end of the connection ends the body: right bytes" {
	reader gets right "close"
}

@test "3.7 faults: no Content-Length, chunked: right bytes" {
	reader gets right "chunked"
}

@test "3.7 faults: a Content-Range of other bytes: EIO or right bytes, never those" {
	local n=$BATS_TEST_NUMBER
	order "/stream/f$n" "kind=range&by=1"
	TIMEOUT=0 reads "$stream/f$n" "$root/stream/f$n" EIO
	cold "$stream/f$n"
	heal "/stream/f$n"
	reads "$stream/f$n" "$root/stream/f$n" right
}

@test "3.7 faults: a Content-Range of another size: EIO, never those bytes" {
	local n=$BATS_TEST_NUMBER
	order "/stream/f$n" "kind=total&by=1"
	TIMEOUT=0 reads "$stream/f$n" "$root/stream/f$n" EIO
	[ "$(resident "$stream/f$n")" = 0 ]
	heal "/stream/f$n"
	reads "$stream/f$n" "$root/stream/f$n" right
}

@test "3.7 faults: 200 instead of 206: right bytes, each file is fetched whole once" {
	local n=$BATS_TEST_NUMBER
	order "/stream/f$n" "kind=no-range"
	bounded cmp <(tail -c 1000 "$stream/f$n") <(tail -c 1000 "$root/stream/f$n")
	reads "$stream/f$n" "$root/stream/f$n" right
	[ "$(asked "/stream/f$n" | wc -l)" = 1 ]
	is online "$stream/f$n"
}

@test "3.7 faults: a body with Content-Encoding: EIO, never those bytes" {
	TIMEOUT=0 reader gets EIO "gzip" 1
}

# The file becomes another one between two ranges: EIO, stale, never a mix.
becomes_another() { # KIND-BEFORE KIND-AFTER
	local n=$BATS_TEST_NUMBER file=$stream/f$BATS_TEST_NUMBER
	[ -z "$1" ] || order "/stream/f$n" "kind=$1"
	cmp -n 4096 <(head -c 4096 "$file") "$root/stream/f$n"
	heal "/stream/f$n"
	order "/stream/f$n" "kind=$2"
	run bounded -20 tail -c 4096 "$file"
	[[ $status == 1 && $output == *": Input/output error" ]]
	[[ $(flags "$file") == *stale* ]]
	[ "$(modified "$file")" = 1600000020 ]
	cmp -n 4096 <(head -c 4096 "$file") "$root/stream/f$n"
	heal "/stream/f$n"
	bounded hsm-mark -q --refresh "$file"
	reads "$file" "$root/stream/f$n" right
}

@test "3.7 faults: another ETag between two ranges: EIO, stale, right after a refresh" {
	becomes_another "" etag
}

@test "3.7 faults: same size and a new time between two ranges: EIO, stale, right after a refresh" {
	becomes_another no-etag mtime
}

@test "3.7 faults: another ETag in each answer: EIO after a few looks, not an endless one" {
	local n=$BATS_TEST_NUMBER
	order "/stream/f$n" "kind=etag"
	reads "$stream/f$n" "$root/stream/f$n" EIO
	heal "/stream/f$n"
	bounded hsm-mark -q --refresh "$stream/f$n"
	reads "$stream/f$n" "$root/stream/f$n" right
}

# ------------------------------------------------------- the remote is away --

# Read 20 cold files at once: EIO for all, after the bound and not 20 of them; what
# is here meanwhile costs no time.
all_fail_together() { # DIR FIRST
	local before n pids=() file took
	before=$(now_ms)
	for ((n = $2; n < $2 + 20; n++)); do
		file=n$n
		bounded -30 cat "$1/$file" >/dev/null 2>"$BATS_TEST_TMPDIR/$file" 3>&- &
		pids+=($!)
	done
	sleep 0.5
	TIMEOUT=-1 reads "$1/f1" "$root/whole/f1" right
	TIMEOUT=-1 reads "$1/f2" "$BATS_TEST_TMPDIR/mine" right
	echo more >>"$1/f2"
	echo new >"$1/new"
	echo more >>"$BATS_TEST_TMPDIR/mine"
	(($(now_ms) - before < 2500)) || fail "what is here took $(($(now_ms) - before)) ms"
	for n in "${pids[@]}"; do
		! wait "$n"
	done
	took=$(($(now_ms) - before))
	echo "20 reads took $took ms"
	((took < TIMEOUT * 1500 + 1000)) || fail "20 reads took $took ms"
	for ((n = $2; n < $2 + 20; n++)); do
		[[ $(<"$BATS_TEST_TMPDIR/n$n") == *": Input/output error" ]]
		[ "$(resident "$1/n$n")" = 0 ]
	done
}

@test "3.8 remote away: what is here is at hand, 20 new reads fail after the bound together" {
	local pid port n
	fault_server "$BATS_TEST_TMPDIR/server" "$root"
	others=$pid
	dir=$(new_dir away)
	serve_faults whole "$dir"
	reads "$dir/f1" "$root/whole/f1" right
	cp "$root/whole/n1" "$BATS_TEST_TMPDIR/mine"
	cat "$BATS_TEST_TMPDIR/mine" >"$dir/f2"
	# Connections are made, and nothing ever comes.
	kill -STOP "$pid"
	all_fail_together "$dir" 10
	kill -CONT "$pid"
	for ((n = 10; n < 30; n++)); do
		reads "$dir/n$n" "$root/whole/n$n" right
	done
	# Refused.
	kill "$pid"
	wait "$pid" || true
	all_fail_together "$dir" 30
	fault_server "$BATS_TEST_TMPDIR/server" "$root" --port "$port"
	others=$pid
	for ((n = 30; n < 50; n++)); do
		reads "$dir/n$n" "$root/whole/n$n" right
	done
	is dirty "$dir/f2"
	is local "$dir/new"
}
