# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# shellcheck disable=SC2154 # module, source and work are told by scripts/lint
#
# Gates for what people read: kernel-doc, manual pages, who looks after what.

# The kernel's script does not miss what is not there.
undocumented()
{
	local file name

	while read -r file; do
		ctags -x --c-kinds=f --extras=-F --_xformat='%N' "$file" |
			while read -r name; do
				[[ $name != *[a-z]* ]] ||
				grep -q "^ \* $name() - " "$file" ||
				echo "$file: $name() is not documented"
			done
	done < <(tracked "$module/*.c" | grep -v _kunit)
}

gate_kernel_doc()
{
	local file out status=0

	need perl universal-ctags
	while read -r file; do
		out=$("$source/scripts/kernel-doc" -none -v -Werror "$file" \
			2>&1 | grep -vE 'info: Scanning|: info: ' || true)
		[[ -z $out ]] || { echo "$out"; status=1; }
	done < <(tracked "$module/*.[ch]" 'include/*.h')
	out=$(undocumented)
	[[ -z $out ]] || { echo "$out"; status=1; }
	return "$status"
}

# Two formatters: what one of them swallows, the other may not.
gate_man()
{
	local page found pages=0

	need man-db groff-base mandoc
	found=$(
		while read -r page; do
			LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings -E UTF-8 \
				-l -Tutf8 -Z "$page" 2>&1 >/dev/null ||
				echo "$page: man fails"
			mandoc -T lint -W warning "$page" || true
		done < <(tracked '*.[1-9]')
	)
	pages=$(tracked '*.[1-9]' | wc -l)
	echo "# $pages page(s)"
	[[ -z $found ]] || { echo "$found"; return 1; }
	((pages > 0))
}

# What is below the top has somebody who looks after it. (One of the fuzzer's
# programs stands for all of them.)
gate_maintainers()
{
	local file sections asked=0 status=0

	while read -r file; do
		sections=$("$source/scripts/get_maintainer.pl" --no-tree \
			--no-git --no-git-fallback --mpath MAINTAINERS \
			--sections -f "$file" 2>&1) || true
		grep -q '^M:.*@' <<<"$sections" ||
			{ echo "$file: nobody looks after it"; status=1; }
		asked=$((asked + 1))
	done < <(tracked '*/*' | awk '!/\/corpus\// || !seen++')
	echo "# asked for $asked files"
	return "$status"
}
