# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# shellcheck disable=SC2154 # module, source and work are told by scripts/lint
#
# Gates for what people read: kernel-doc, manual pages, who looks after what.

gate_kernel_doc()
{
	local file out status=0

	while read -r file; do
		out=$("$source/scripts/kernel-doc" -none -v -Werror "$file" \
			2>&1 | grep -vE 'info: Scanning|: info: ' || true)
		[[ -z $out ]] || { echo "$out"; status=1; }
	done < <(tracked "$module/*.[ch]" 'include/*.h')
	return "$status"
}
