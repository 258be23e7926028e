# SPDX-License-Identifier: GPL-2.0-or-later
# fs: none
#
# The options of each command, in the five places that name them.

load lib/helpers

commands="hsm-serve hsm-evict hsm-prefetch hsm-mark hsm-checkpoint"

# Each prints the options of COMMAND, one a line.
in_help() { # COMMAND
	"$1" --help | sed -nE 's/^ +((-[[:alnum:]]), )?(--[a-z-]+).*/\2 \3/p' | words
}

in_man() { # COMMAND
	sed -nE '/^\.It Fl/ { s/Fl Fl /--/g; s/Fl /-/g; p; }' "$TOP/man/$1.8" |
		grep -oE -- '(^| )--?[[:alnum:]][a-z-]*' | words
}

in_bash() { # COMMAND
	(
		compopt() { :; }
		# shellcheck disable=SC1090
		. "$TOP/completions/bash/$1"
		COMP_WORDS=("$1" -)
		COMP_CWORD=1
		"_${1//-/_}" "$1" - "$1"
		printf '%s\n' "${COMPREPLY[@]%=}"
	) | words
}

in_zsh() { # COMMAND
	sed -nE "s/^\t('[^[]*)\[.*/\1/p" "$TOP/completions/zsh/_$1" |
		grep -oE -- '--?[[:alnum:]][a-z-]*' | words
}

in_fish() { # COMMAND
	sed -nE "s/^complete -c $1( -s (.))? -l ([a-z-]+).*/-\2 --\3/p" \
		"$TOP/completions/fish/$1.fish" | words
}

words() {
	tr -s ' ' '\n' | sed '/^-*$/d' | sort -u
}

# Are the options of all commands in PLACE those of --help?
as_in_help() { # PLACE
	local command
	for command in $commands; do
		[[ $(in_help "$command" | wc -l) -gt 10 ]] || fail "no options in $command --help"
		diff <(in_help "$command") <("in_$1" "$command") || fail "$command: $1 (>) is not --help (<)"
	done
}

@test "2 options: the man pages have the options of --help" {
	as_in_help man
}

@test "2 options: the completions for bash have the options of --help" {
	as_in_help bash
}

@test "2 options: the completions for zsh have the options of --help" {
	as_in_help zsh
}

@test "2 options: the completions for fish have the options of --help" {
	as_in_help fish
}

@test "2 options: --help and -h print to stdout, at most 80 columns, and succeed" {
	for command in $commands; do
		for option in --help -h; do
			run --separate-stderr "$command" "$option"
			[[ $status == 0 && -z $stderr && $output == "Usage: $command "* ]]
			[[ $(wc -L <<<"$output") -le 80 ]]
		done
	done
}

@test "2 options: --help has at most 80 columns on a wide terminal, too" {
	for command in $commands; do
		width=$(script -qec "stty cols 200; $command --help" /dev/null </dev/null | tr -d '\r' | wc -L)
		[[ $width -le 80 ]]
	done
}

@test "2 options: --version and -V print one line" {
	for command in $commands; do
		for option in --version -V; do
			run --separate-stderr "$command" "$option"
			[[ $status == 0 && -z $stderr && $output =~ ^$command\ [0-9]+(\.[0-9]+)+$ ]]
		done
	done
}

# Does COMMAND end with 2, a reason and "Try", and nothing on stdout?
wrong_usage() { # COMMAND...
	run --separate-stderr "$@" </dev/null
	[[ $status == 2 && -z $output && ${#stderr_lines[@]} -ge 2 &&
		${stderr_lines[-1]} == "Try '$1 --help' for more information." ]] ||
		fail "$*: exit status $status, stdout '$output', stderr '$stderr'"
}

@test "2 options: a wrong command line ends with 2 and points to --help" {
	for command in $commands; do
		wrong_usage "$command" --no-such-option
		wrong_usage "$command" -Z
		wrong_usage "$command" --json=yes
	done
	wrong_usage hsm-serve
	wrong_usage hsm-serve http://127.0.0.1/
	wrong_usage hsm-serve http://127.0.0.1/ a b
	wrong_usage hsm-serve --stop --status a
	wrong_usage hsm-serve --max-triggers -1 http://127.0.0.1/ a
	wrong_usage hsm-serve --max-triggers 65537 http://127.0.0.1/ a
	wrong_usage hsm-serve --namespace other http://127.0.0.1/ a
	wrong_usage hsm-serve --ready-fd 77 http://127.0.0.1/ a
	wrong_usage hsm-serve --stream-above much http://127.0.0.1/ a
	wrong_usage hsm-evict --min-size
	wrong_usage hsm-evict --until-free 101%
	wrong_usage hsm-evict --until-free '10%x'
	wrong_usage hsm-prefetch --range 5
	wrong_usage hsm-prefetch --range 0+0
	wrong_usage hsm-prefetch --range 0+1 --tree
	wrong_usage hsm-mark --state none
	wrong_usage hsm-mark --hydrate later
	wrong_usage hsm-mark --pin --unpin
	wrong_usage hsm-checkpoint
	wrong_usage hsm-checkpoint a b
	wrong_usage hsm-checkpoint --watch --list a
	wrong_usage hsm-checkpoint --since x-1 --cursor y a
	wrong_usage hsm-checkpoint --commit y a
	wrong_usage hsm-checkpoint --keep 0 a
	wrong_usage hsm-checkpoint --store /tmp a
	wrong_usage hsm-checkpoint --strict a
	wrong_usage hsm-checkpoint --archive x.zip a
	wrong_usage hsm-checkpoint --archive .tar a
	wrong_usage hsm-checkpoint --archive x.tar --deleted a
	for option in --jobs=0 --jobs=-1 --jobs=1x --jobs=99999999999 --jobs=; do
		wrong_usage hsm-prefetch "$option"
		wrong_usage hsm-serve "$option" http://127.0.0.1/ a
	done
}
