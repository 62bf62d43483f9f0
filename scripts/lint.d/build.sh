# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# shellcheck disable=SC2154 # module, source and work are told by scripts/lint
#
# The module, built apart, and the gate that listens to its compilers.

# Builds a private copy, so that a build in the tree is not disturbed.
private_build()
{
	local dir=$work/build

	mkdir -p "$dir"
	tracked "$module" include/linux include/trace | xargs cp --parents -t "$dir"
	# A silent make that has called this would not tell what was checked.
	env -u MAKEFLAGS make -C "$(kdir)" M="$dir/$module" -j"$(nproc)" "$@" modules 2>&1
}

# The module of that copy, for gates that look into it.
built_module()
{
	local ko=$work/build/$module/vhost_net.ko out

	need_build
	if [[ ! -e $ko ]]; then
		out=$(private_build) || { echo "$out" >&2; return 1; }
	fi
	echo "$ko"
}

# Everything but progress and what Debian's headers cannot do.
findings()
{
	grep -vE '^(make|Skipping BTF)|^  (CC|LD|AR|MODPOST|CHECK|BTF|CLEAN) ' ||
		true
}

# sparse that is missing or too old is silent: count what it looked at.
gate_build()
{
	local out found checked want units

	need sparse
	# Unit tests are no part of the module, but can be compiled.
	mapfile -t units < <(tracked "$module/*_kunit.c" |
			     sed 's|.*/||; s|c$|o|')
	out=$(private_build W=1 C=2 "${units[@]}") || { echo "$out"; return 1; }
	found=$(findings <<<"$out")
	checked=$(grep -c '^  CHECK ' <<<"$out" || true)
	want=$(tracked "$module/*.c" | wc -l)
	echo "# W=1, and sparse looked at $checked of $want files"
	[[ -z $found ]] || echo "$found"
	[[ -z $found ]] && ((checked >= want && want > 0))
}
