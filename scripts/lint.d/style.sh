# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# shellcheck disable=SC2154 # module, source and work are told by scripts/lint
#
# Gates that look at each file as text: style, sizes, licences.

run_checkpatch()
{
	local ignore=FILE_PATH_CHANGES$1

	# Files are looked at as they are, not as patches to a tree.
	xargs -r "$source/scripts/checkpatch.pl" --no-tree --strict --terse \
		--show-types --no-summary --max-line-length=80 \
		--ignore "$ignore" -f 2>&1 || true
}

gate_checkpatch()
{
	local out

	need perl codespell
	out=$(
		c_files | grep -vE '/(compat|trace)/' | run_checkpatch ""
		# Events are laid out alike everywhere in the kernel.
		c_files | grep /trace/ |
			run_checkpatch ,PARENTHESIS_ALIGNMENT,OPEN_ENDED_LINE
		c_files | grep /compat/ |
			run_checkpatch ,LINUX_VERSION_CODE,CONSTANT_COMPARISON
		# What its option --codespell does, in a hundredth of the time.
		# Nd: what a manual's line begins with that says what it is of.
		tracked | xargs codespell -L nd,passt 2>&1 || true
	)
	[[ -z $out ]] || { echo "$out"; return 1; }
}

# No function over 100 lines, no file over 700.
gate_sizes()
{
	local found

	need universal-ctags
	found=$(
		c_files | xargs wc -l |
			awk '$2 != "total" && $1 > 700 { print $2 ": " $1 " lines" }'
		shell_files | xargs wc -l |
			awk '$2 != "total" && $1 > 700 { print $2 ": " $1 " lines" }'
		c_files | xargs ctags -x --c-kinds=f --fields=+ne \
			--_xformat='%{line} %{end} %F:%N' |
			awk '$2 - $1 >= 100 { print $3 ": " $2 - $1 + 1 " lines" }'
	)
	[[ -z $found ]] || { echo "$found"; return 1; }
}

# Kernel versions are the business of compat/ alone.
gate_versions()
{
	! grep -nE 'LINUX_VERSION_CODE|KERNEL_VERSION\(' -r "$module" \
		--include='*.[ch]' | grep -v "^$module/compat/" |
		grep -v '\.mod\.c:'
}

gate_spdx()
{
	local file status=0

	while read -r file; do
		case $file in
		*.md | *.txt | .gitignore | MAINTAINERS | */settings | */config)
			continue ;;
		*/debian/changelog | */debian/copyright | */source/format)
			continue ;;
		esac
		head -n 2 "$file" | grep -q 'SPDX-License-Identifier: GPL-2.0' ||
			{ echo "$file: no SPDX line"; status=1; }
	done < <(tracked)
	return "$status"
}

gate_shellcheck()
{
	need shellcheck
	shell_files | xargs shellcheck -x -P SCRIPTDIR -P .
}
