# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# For those who boot a user-mode kernel; source it after scripts/lib.sh.

UML_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# uml_kernel DIR CONFIG...: puts a kernel into DIR/linux, and what else "build"
# leaves there. CONFIG is a file, or the NAME of a config.NAME here. UML_LINUX
# names a kernel that has been built before, to be used as it is.
uml_kernel()
{
	local dir=$1 configs=() name
	shift

	if [[ -n ${UML_LINUX-} ]]; then
		cp "$UML_LINUX" "$dir/linux"
		[[ ! -d ${UML_LINUX%/*}/gcno ]] ||
			cp -r "${UML_LINUX%/*}/gcno" "$dir/"
		return
	fi
	for name; do
		if [[ $name == */* ]]; then
			configs+=("$(realpath "$name")")
		else
			configs+=("$UML_DIR/config.$name")
		fi
	done
	need linux-source-6.1 xz-utils make gcc libc6-dev flex bison bc
	say "  building a user-mode kernel, which takes minutes at first"
	with_lock uml "$UML_DIR/build" "$dir/linux" "${configs[@]}" \
		>"$dir/build.log" 2>&1 ||
		{ tail -n 40 "$dir/build.log" >&2; die "no user-mode kernel"; }
}

# kunit_results LOG: each case with its suite's name, as TAP. Ends well if all
# suites have reported.
kunit_results()
{
	tr -d '\r' <"$1" | sed 's/^\[ *[0-9.]*\] //' | awk '
	/^1\.\.[0-9]+$/ && !promised { promised = substr($0, 4) + 0 }
	/^    # Subtest: / { suite = $NF }
	/^    (not )?ok [0-9]+/ {
		sub(/^ +/, "")
		ok = /^ok/ ? "ok" : "not ok"
		sub(/^(not )?ok [0-9]+ (- )?/, "")
		print ok, ++n, "-", suite "." $0
	}
	/^(not )?ok [0-9]+/ { reported++ }
	END { exit !promised || reported != promised }'
}

kunit_cases() { cat "$VHOST_TOP"/drivers/vhost/*_kunit.c | grep -c $'^\tKUNIT_CASE'; }

# uml_run CONFIGS WRAPPER [OPTION...] [--] COMMAND...: in the place of this
# shell, tools/testing/vhost-vm/run with such a kernel; WRAPPER is a program of
# this directory that runs the command there. The suites only run on demand.
uml_run()
{
	local kind=$1 wrapper=$UML_DIR/$2 options=() append=kunit.enable=0
	shift 2

	while (($#)); do
		case $1 in
		--) shift; break ;;
		--append) append+=" $2"; shift 2 ;;
		--timeout | --out | --keep-log | --allow | --mem)
			options+=("$1" "$2"); shift 2 ;;
		-*) die "no option $1 here" ;;
		*) break ;;
		esac
	done
	exec "$VHOST_TOP/tools/testing/vhost-vm/run" --user-mode "$kind" \
		--mem 1G --append "$append" "${options[@]}" -- "$wrapper" "$@"
}
