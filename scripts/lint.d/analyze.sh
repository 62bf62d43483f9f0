# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# shellcheck disable=SC2154 # module, source and work are told by scripts/lint
#
# Gates that look for patterns and paths that are known to be wrong. They take
# a while, and are asked only when something has changed.

# judge LIST: what was found, which is read, against what is allowed; notes begin
# with "#".
judge()
{
	local found

	found=$(cat)
	grep '^#' <<<"$found"
	grep -v '^#' <<<"$found" | sed 's/:.*//' | unlisted "$1" && return
	grep -v '^#' <<<"$found"
	return 1
}

# All of the kernel's own patterns, but those that want a compiler for OCaml.
# FILE PATTERN: what it says.
run_cocci()
{
	local dir=$work/cocci pattern name said

	mkdir -p "$dir"
	tracked "$module" include | xargs cp --parents -t "$dir"
	while read -r pattern; do
		! grep -q script:ocaml "$pattern" || continue
		name=${pattern##*/}
		said=$(cd "$dir" && COCCI=$pattern MODE=report \
			srctree=$source KBUILD_EXTMOD=$dir/$module \
			LINUXINCLUDE="-I$dir/include" \
			bash "$source/scripts/coccicheck" 2>&1) ||
			{ echo "$said"; return 1; }
		sed -n "s|^$dir/$module/\([^:]*\):|\1 ${name%.cocci}: |p" \
			<<<"$said"
		ran=$((ran + 1))
	done < <(find "$source/scripts/coccinelle" -name '*.cocci' | sort)
	echo "# $ran patterns"
}

gate_cocci()
{
	local found version ran=0

	need coccinelle python3
	version=$(spatch --version | head -n 1) || return 1
	found=$(cached cocci "$version $source" run_cocci) ||
		{ echo "$found"; return 1; }
	judge scripts/lint.d/cocci.allow <<<"$found"
}

# What clang's analyzer finds. FILE CHECK: what it says.
run_analyzer()
{
	local dir=$work/analyzer args kernel out objects

	out=$(scripts/cross --kernel clang) || return
	read -r kernel out <<<"$out"
	read -r -a args <<<"$out"
	copy_driver "$dir"
	# It does not know that an assertion of a unit test does not return.
	mapfile -t objects < <(tracked "$module/*.c" | grep -v _kunit |
			       sed 's|.*/||; s|c$|o|')
	out=$(env -u MAKEFLAGS make -j"$(nproc)" -C "$kernel" "M=$dir/$module" \
		C=2 "CHECK=$analyzer --analyze -Wno-everything" CHECKFLAGS= \
		"${args[@]}" "${objects[@]}" 2>&1) || { echo "$out"; return 1; }
	(($(grep -c '^  CHECK ' <<<"$out") == ${#objects[@]})) ||
		{ echo "not all files were looked at"; return 1; }
	echo "# ${#objects[@]} files"
	sed -n 's|^[^ ]*/\([^/:]*:[^ ]*\) warning: \(.*\) \[\(.*\)\]$|\1 \3 \2|p' \
		<<<"$out" | sed 's/^\([^:]*\):[0-9:]* \([^ ]*\) /\1 \2: /' | sort -u
}

gate_analyzer()
{
	local found version analyzer=clang-19

	need clang-19
	version=$("$analyzer" --version | head -n 1) || return 1
	found=$(cached analyzer "$version" run_analyzer) ||
		{ echo "$found"; return 1; }
	judge scripts/lint.d/analyzer.allow <<<"$found"
}
