# SPDX-License-Identifier: GPL-2.0-or-later
# fs: none
#
# The project itself: licence, layering, symbols, man pages, install.

BATS_TEST_TIMEOUT=300

setup() {
	cd "$TOP"
}

fail() {
	echo "$*" >&2
	return 1
}

# The files of the project, also those that are not committed yet.
files() { # [PATHSPEC...]
	git -C "$TOP" ls-files -co --exclude-standard -- "$@"
}

@test "2 project: every file has an SPDX line" {
	local without
	without=$(files | grep -v '^LICENSE$\|^tests/samples/\|^tests/fuzz/corpus/' |
		xargs -d '\n' grep -L 'SPDX-License-Identifier: GPL-2.0-or-later' || true)
	[ -z "$without" ] || fail "without SPDX line: $without"
}

@test "2 project: includes point one way: cmd, hsm.h, server, names, engine, stage or journal, local or remote, base" {
	# "lib": the files beside hsm.h, which make its functions out of the rest.
	declare -A may=(
		[cmd]="cmd hsm.h base" [hsm.h]="base"
		[archive]="archive lib hsm.h journal local base"
		[lib]="lib hsm.h server names engine journal local base"
		[server]="server names engine journal stage local base"
		[names]="names engine stage local remote base"
		[engine]="engine hsm.h stage local remote base"
		[journal]="journal local base" [stage]="stage local remote base"
		[local]="local base" [remote]="remote base" [base]="base"
	)
	local file line from to wrong=
	while IFS=: read -r file line; do
		case $file in
		lib/hsm.h) from=hsm.h ;;
		lib/*/*) from=${file#lib/} from=${from%%/*} ;;
		*) from=${file%%/*} ;;
		esac
		to=${line#*\"}
		to=${to%%\"*}
		case $to in
		*/*) to=${to%%/*} ;;
		hsm.h) ;;
		*) [ "$from" = cmd ] && to=cmd || to=lib ;;
		esac
		[[ " ${may[$from]-} " == *" $to "* ]] || wrong+="$file: $line"$'\n'
	done < <(grep -H '^#include "' cmd/*.[ch] lib/*.[ch] lib/*/*.[ch])
	[ -z "$wrong" ] || fail "$wrong"
}

@test "2 project: the symbols of the library begin with hsm_" {
	local others
	others=$(nm -g --defined-only "$BUILD/libhsm.a" 2>/dev/null |
		awk 'NF == 3 && $3 !~ /^hsm_|^__/ { print $3 }')
	[ -z "$others" ] || fail "$others"
	[ "$(nm -g --defined-only "$BUILD/libhsm.a" 2>/dev/null | grep -c hsm_)" -gt 20 ]
}

@test "2 project: no mutable globals in the library" {
	local globals
	# .data.rel.ro holds constants with pointers; a pthread_once_t has to change.
	globals=$(objdump -t "$BUILD/libhsm.a" |
		awk '$0 ~ / O / && $0 ~ / \.(data|bss|tdata|tbss)/ && $0 !~ /\.data\.rel\.ro/ { print $NF }' |
		grep -v '_once$\|^__\|asan\|ubsan\|tsan' || true)
	[ -z "$globals" ] || fail "$globals"
}

@test "2 project: the man pages are there and lint" {
	local page name
	for name in hsm-serve.1 hsm-evict.1 hsm-prefetch.1 hsm-mark.1 hsm-checkpoint.1 hsm.7; do
		[ -e "man/$name" ] || [ -e "man/${name%.1}.8" ] || fail "no man/$name"
	done
	for page in man/*.[1-8]; do
		run groff -man -Tutf8 -ww -z "$page"
		[ -z "$output" ] || fail "$page: $output"
	done
}

@test "2 project: shell scripts are clean" {
	run shellcheck -S warning -e SC2034 tests/run tests/lib/* .ci/run tests/deps
	[ "$status" = 0 ] || fail "$output"
}

@test "2 project: a build leaves no file in the tree; install and uninstall are symmetric" {
	local copy=$BATS_TEST_TMPDIR/copy root=$BATS_TEST_TMPDIR/root name
	mkdir "$copy"
	files | tar -cf - -T - | tar -xf - -C "$copy"
	cd "$copy"
	find . | sort >"$BATS_TEST_TMPDIR/before"
	make -s -j2 BUILD="$BATS_TEST_TMPDIR/build" CFLAGS=-O0
	make -s install BUILD="$BATS_TEST_TMPDIR/build" CFLAGS=-O0 DESTDIR="$root" PREFIX=/usr
	find . | sort | diff "$BATS_TEST_TMPDIR/before" -
	for name in hsm-serve hsm-evict hsm-prefetch hsm-mark hsm-checkpoint; do
		[ -x "$root/usr/bin/$name" ] || [ -x "$root/usr/sbin/$name" ]
		[ -n "$(find "$root" -path "*man*" -name "$name.*")" ]
		[ -n "$(find "$root" -path "*bash*" -name "$name*")" ]
		[ -n "$(find "$root" -path "*zsh*" -name "_$name*")" ]
		[ -n "$(find "$root" -path "*fish*" -name "$name*")" ]
	done
	make -s uninstall DESTDIR="$root" PREFIX=/usr
	[ -z "$(find "$root" ! -type d)" ] || fail "left: $(find "$root" ! -type d)"
}
