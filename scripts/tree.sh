# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The driver in the place of a kernel tree's drivers/vhost, with its headers
# beside it; source it after lib.sh.

# Copies what differs, so that what is built stays built.
put()
{
	cmp -s "$1" "$2" && return
	mkdir -p "$(dirname "$2")"
	cp "$1" "$2"
}

# The driver's files, as paths below the top: without what is built, and without
# the makefile, which not all take as it is.
driver_files()
{
	(cd "$VHOST_TOP" && find drivers/vhost include/linux include/trace \
		-type f ! -name '*.mod.c' \( -name '*.[ch]' -o -name Kconfig \
		-o -name Makefile.has \))
}

# put_driver TREE MAKEFILE: as it is now; what is there and not ours goes.
put_driver()
{
	local dest=$1/drivers/vhost makefile=$2 file ours

	mkdir -p "$dest"
	while read -r file; do
		ours=$VHOST_TOP/drivers/vhost/$file
		[[ $file != include/* ]] || ours=$VHOST_TOP/$file
		[[ -e $ours ]] || rm "$dest/$file"
	done < <(cd "$dest" && find . -name '*.[ch]' ! -name '*.mod.c' \
		 -printf '%P\n')
	while read -r file; do
		put "$VHOST_TOP/$file" "$dest/${file#drivers/vhost/}"
	done < <(driver_files)
	put "$makefile" "$dest/Makefile"
}
