# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# shellcheck disable=SC2154 # module, source and work are told by scripts/lint
#
# The module, built apart, and the gate that listens to its compilers.

# What no function's stack frame may be larger than: below the loops are those
# of the sockets, and a stack has 16 KiB for all.
FRAME_MAX=511

# Builds a private copy, so that a build in the tree is not disturbed.
private_build()
{
	local dir=$work/build

	copy_driver "$dir"
	# A silent make that has called this would not tell what was checked.
	env -u MAKEFLAGS make -C "$(kdir)" M="$dir/$module" -j"$(nproc)" "$@" 2>&1
}

private_module()
{
	private_build KCFLAGS=-Wframe-larger-than=$FRAME_MAX modules "$@"
}

# The module of that copy, for gates that look into it.
built_module()
{
	local ko=$work/build/$module/vhost_net.ko out

	need_build
	if [[ ! -e $ko ]]; then
		out=$(private_module) || { echo "$out" >&2; return 1; }
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
	# Unit tests are no part of the module, but can be compiled. Their stack
	# is all theirs.
	mapfile -t units < <(tracked "$module/*_kunit.c" |
			     sed 's|.*/||; s|c$|o|')
	out=$(private_module W=1 C=2 && private_build W=1 C=2 "${units[@]}") ||
		{ echo "$out"; return 1; }
	found=$(findings <<<"$out")
	checked=$(grep -c '^  CHECK ' <<<"$out" || true)
	want=$(tracked "$module/*.c" | wc -l)
	echo "# W=1, frames of at most $FRAME_MAX bytes," \
	     "and sparse looked at $checked of $want files"
	[[ -z $found ]] || echo "$found"
	[[ -z $found ]] && ((checked >= want && want > 0))
}

gate_abi() { scripts/abi; }
