# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# shellcheck disable=SC2154 # module, source and work are told by scripts/lint
#
# Gates that look at what the compiler has made of the loops: what they call,
# and where what they use lies.

# The functions that are run for packets.
CALLS_ROOTS="vhost_net_tx vhost_net_rx vhost_net_rx_look"
# What is asked about: pointers, memory, words to people.
CALLS_ASKED='^[*]$|alloc|skb_(clone|copy)$|pskb_|strdup|memdup|print|__warn'

# The innermost function of the driver's source that an address belongs to.
source_function()
{
	addr2line -fie "$1" -j "$2" "0x$3" | awk -v "ours=$4" '
		NR % 2 { name = $0; next }
		index($0, ours) == 1 { print name; exit }'
}

# FUNCTION CALLEE of all that is asked about, from the lines of calls.awk.
asked_calls()
{
	local ko=$1 section address callee

	awk -v "asked=$CALLS_ASKED" '
		$1 == "call" && $5 ~ asked { print $3, $4, $5 }' |
		while read -r section address callee; do
			echo "$(source_function "$ko" "$section" "$address" \
				"${ko%/*}/") $callee"
		done | sort -u
}

gate_calls()
{
	local ko found root status=0

	need binutils
	ko=$(built_module) || return 1
	found=$(objdump -dr --no-show-raw-insn "$ko" |
		awk -v "roots=$CALLS_ROOTS" -f scripts/lint.d/calls.awk)
	for root in $CALLS_ROOTS; do
		grep -qx "function $root" <<<"$found" ||
			{ echo "there is no $root()"; status=1; }
	done
	echo "# $(grep -c '^function' <<<"$found") functions below the loops," \
	     "$(grep -c '^call .* [*]$' <<<"$found") indirect calls in them"
	asked_calls "$ko" <<<"$found" | unlisted scripts/lint.d/calls.allow ||
		status=1
	return "$status"
}

gate_layout()
{
	local ko out

	ko=$(built_module) || return 1
	out=$(scripts/layout "$ko" 2>&1) || { echo "$out"; return 1; }
	echo "# $(($(wc -l <<<"$out") - 1)) structures and" \
	     "groups of fields"
}
