# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Packages of Debian releases other than this machine's, fetched without being
# installed; source it after lib.sh. What they need comes along, so that
# programs run with the libraries that they were built for.

# What signs Debian's archives.
SUITES_KEY=/usr/share/keyrings/debian-archive-keyring.gpg
suites_lib=usr/lib/x86_64-linux-gnu

# Where this machine gets Debian's packages from: "URI SUITE" a line.
suites_own()
{
	# shellcheck disable=SC2016
	apt-get indextargets --format '$(COMPONENT) $(RELEASE) $(REPO_URI)' \
		"Identifier: Packages" "Origin: Debian" |
		awk '$1 == "main" { print $3, $2 }' | sort -u
}

# suites_lines: "URI SUITE" lines as apt wants them.
suites_lines() { sed "s|.*|deb [signed-by=$SUITES_KEY] & main|"; }

# suites_main SUITE: one of the archive of releases, not of their security
# updates, as such a line.
suites_main()
{
	local uri

	uri=$(suites_own | awk '$2 !~ /-/ { print $1; exit }')
	[[ -n $uri ]] || die "no package mirror is known"
	echo "$uri $1"
}

# suites_open DIR SUITE...: the main archive's SUITEs, and "own" for all that
# this machine uses, for suites_apt with DIR, where all that it leaves is.
suites_open()
{
	local dir=$1 suite
	shift

	apt_update
	mkdir -p "$dir"/{state/lists/partial,cache/archives/partial,root}
	: >"$dir/status"
	for suite; do
		if [[ $suite == own ]]; then
			suites_own
		else
			suites_main "$suite"
		fi
	done | sort -u | suites_lines >"$dir/sources.list"
	suites_apt "$dir" get update || die "no $* at the package mirror"
}

# suites_apt DIR get|cache ARGUMENT...: apt with lists, cache and installed
# packages (none) of its own.
suites_apt()
{
	local dir=$1 tool=apt-$2
	shift 2

	"$tool" -qq -o "Dir::Etc::SourceList=$dir/sources.list" \
		-o Dir::Etc::SourceParts=/dev/null -o "Dir::State=$dir/state" \
		-o "Dir::State::status=$dir/status" -o "Dir::Cache=$dir/cache" \
		-o APT::Sandbox::User=root -o Debug::NoLocking=true "$@"
}

# suites_link PROGRAM ROOT: has it run with the libraries below ROOT.
suites_link()
{
	patchelf --set-interpreter "$2/$suites_lib/ld-linux-x86-64.so.2" \
		--force-rpath --set-rpath "$2/$suites_lib" "$1"
}

# suites_fetch DIR PACKAGE...: unpacks them and all that they need to DIR/root.
suites_fetch()
{
	local dir=$1 deb
	shift

	suites_apt "$dir" get install -y --download-only \
		--no-install-recommends "$@" || return
	for deb in "$dir"/cache/archives/*.deb; do
		dpkg -x "$deb" "$dir/root"
		rm "$deb"
	done
}

# suites_fetch_only DIR PACKAGE...: the same without what they need.
suites_fetch_only()
{
	local dir=$1 deb
	shift

	(cd "$dir/cache" && suites_apt "$dir" get download "$@") || return
	for deb in "$dir"/cache/*.deb; do
		dpkg -x "$deb" "$dir/root"
		rm "$deb"
	done
}
