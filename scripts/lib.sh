# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Shared by the scripts of this tree; source it, do not run it. Functions that
# answer with a path print it on stdout, everything else goes to stderr.

# A failure inside $(...) must not be mistaken for an answer.
shopt -s inherit_errexit

VHOST_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export VHOST_TOP

say() { printf '%s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }

# Directory for things that are costly to make and safe to delete.
cache_dir()
{
	local dir="${XDG_CACHE_HOME:-$HOME/.cache}/vhost-net${1:+/$1}"

	mkdir -p "$dir"
	echo "$dir"
}

# Runs the rest of the arguments alone, however many scripts run at once.
with_lock()
{
	local lock

	lock=$(cache_dir locks)/$1
	shift
	(
		flock 9
		"$@" 9>&-
	) 9>"$lock"
}

package_installed()
{
	local state

	state=$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) || return 1
	[[ $state == installed ]]
}

# The lists of a fresh machine are empty; once an hour is enough otherwise.
apt_update()
{
	local stamp

	stamp=$(cache_dir)/apt-updated
	if [[ ${1-} != force && -n $(find "$stamp" -mmin -60 2>/dev/null) ]]; then
		return
	fi
	if ((EUID)); then
		return
	fi
	say "  apt-get update"
	apt-get update -qq >/dev/null || die "apt-get update failed"
	touch "$stamp"
}

# need PACKAGE...: installs those that are missing.
need()
{
	local missing=() package

	for package; do
		package_installed "$package" || missing+=("$package")
	done
	((${#missing[@]})) || return 0
	if ((EUID)); then
		die "please install: ${missing[*]}"
	fi
	with_lock apt need_install "${missing[@]}"
}

need_install()
{
	local log

	log=$(cache_dir)/apt-install.log
	apt_update
	say "  installing $*"
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
		--no-install-recommends -o DPkg::Lock::Timeout=300 "$@" \
		>"$log" 2>&1 </dev/null && return
	apt_update force
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
		--no-install-recommends -o DPkg::Lock::Timeout=300 "$@" \
		>"$log" 2>&1 </dev/null && return
	tail -n 20 "$log" >&2
	die "cannot install: $*"
}

# Unpacks package $1 (version $2) into directory $3 without installing it.
unpack_package()
{
	local name=$1 version=$2 dest=$3 temp

	temp=$(mktemp -d "$(cache_dir)/unpack.XXXXXX")
	chmod 755 "$temp"
	if ! (cd "$temp" && apt-get download -qq "$name=$version") \
	     >/dev/null 2>&1; then
		rm -rf "$temp"
		return 1
	fi
	mkdir "$temp/root"
	dpkg -x "$temp"/*.deb "$temp/root" || die "cannot unpack $name"
	mv -T "$temp/root" "$dest" || die "cannot create $dest"
	rm -rf "$temp"
}

# Newest installed headers of the 6.1 series, as a kernel release.
headers_release()
{
	# shellcheck disable=SC2016
	dpkg-query -W -f '${db:Status-Status} ${Package}\n' \
		'linux-headers-6.1.*-amd64' 2>/dev/null |
		sed -n 's/^installed linux-headers-\(.*\)$/\1/p' |
		sort -V | tail -n 1
}

need_headers()
{
	[[ -n $(headers_release) ]] || need linux-headers-amd64
	[[ -n $(headers_release) ]] || die "no headers of a 6.1 kernel installed"
}

# What building the module takes.
need_build()
{
	need make gcc libc6-dev
	need_headers
}

# kdir: what to build a module against (KDIR=).
kdir()
{
	local dir

	need_headers
	dir=/usr/src/linux-headers-$(headers_release)
	[[ -d $dir ]] || die "$dir is missing"
	echo "$dir"
}

le32() { od -An -tu4 -j "$2" -N 4 "$1" | tr -d ' '; }

# The kernel inside the bzImage $1, to stdout. An emulated machine spends
# as long on unpacking it as on booting it. Offsets: x86 boot protocol.
extract_vmlinux()
{
	local sectors offset size magic tool

	sectors=$(od -An -tu1 -j $((0x1f1)) -N 1 "$1" | tr -d ' ')
	offset=$(((sectors + 1) * 512 + $(le32 "$1" $((0x248)))))
	# The last four bytes are the unpacked size.
	size=$(($(le32 "$1" $((0x24c))) - 4))
	magic=$(od -An -tx1 -j "$offset" -N 4 "$1" | tr -d ' ')
	case $magic in
	fd377a58) tool=xz ;;
	1f8b*) tool=gzip ;;
	28b52ffd) tool=zstd ;;
	*) return 1 ;;
	esac
	dd if="$1" bs=1M iflag=skip_bytes,count_bytes skip="$offset" \
		count="$size" status=none | "$tool" -dc
}

kernel_unpack()
{
	local dest=$1 release=$2 version=$3 root=$1.new suffix

	[[ -e $dest ]] && return
	rm -rf "$root"
	for suffix in "" -unsigned; do
		unpack_package "linux-image-$release$suffix" "$version" \
			"$root" && break
	done
	[[ -d $root ]] || return 1
	# Lets "make" work inside the VM as it does beside it.
	ln -sfn "/usr/src/linux-headers-$release" "$root/lib/modules/$release/build"
	depmod -b "$root" "$release"
	# The packed one boots as well, only later.
	extract_vmlinux "$root/boot/vmlinuz-$release" \
		>"$root/boot/vmlinux-$release" ||
		rm -f "$root/boot/vmlinux-$release"
	mv -T "$root" "$dest"
}

# stock_kernel: the distribution's kernel of the same version as the headers,
# unpacked privately: boot/vmlinuz-RELEASE and lib/modules/RELEASE below it.
stock_kernel()
{
	local release version dest

	need_headers
	need kmod xz-utils
	release=$(headers_release)
	version=$(dpkg-query -W -f '${Version}' "linux-headers-$release")
	dest=$(cache_dir kernels)/linux-$release-$version
	if [[ ! -e $dest ]]; then
		say "  fetching kernel $release ($version)"
		with_lock kernel stock_kernel_fetch "$dest" "$release" "$version"
	fi
	echo "$dest"
}

stock_kernel_fetch()
{
	kernel_unpack "$@" && return
	apt_update force
	kernel_unpack "$@" ||
		die "no package with kernel $2 ($3); upgrade linux-headers-amd64"
}

# static_busybox: a busybox that needs no library, for initramfs images.
static_busybox()
{
	local version dest

	if package_installed busybox-static; then
		echo /bin/busybox
		return
	fi
	apt_update
	version=$(apt-cache policy busybox-static |
		  sed -n 's/^  Candidate: //p')
	[[ -n $version && $version != "(none)" ]] || die "no busybox-static"
	dest=$(cache_dir)/busybox-static-$version
	with_lock busybox busybox_unpack "$version" "$dest"
	echo "$dest/bin/busybox"
}

busybox_unpack()
{
	[[ -e $2 ]] || unpack_package busybox-static "$1" "$2" ||
		die "cannot fetch busybox-static"
}

source_unpack()
{
	local dest=$1 temp=$1.new part names=()

	[[ -e $dest ]] && return
	for part in scripts include Documentation tools LICENSES Makefile \
		    Kconfig COPYING CREDITS MAINTAINERS README Kbuild \
		    .clang-format; do
		names+=("linux-source-6.1/$part")
	done
	rm -rf "$temp"
	mkdir "$temp"
	tar -C "$temp" --strip-components=1 \
		-xf /usr/src/linux-source-6.1.tar.xz "${names[@]}"
	mv -T "$temp" "$dest"
}

# kernel_source: scripts, headers, selftest headers and documentation of the
# kernel (not its code: none of our tools needs that), unpacked.
kernel_source()
{
	local version dest

	need linux-source-6.1 xz-utils
	version=$(dpkg-query -W -f '${Version}' linux-source-6.1)
	dest=$(cache_dir kernels)/source-$version
	if [[ ! -e $dest ]]; then
		say "  unpacking kernel source $version"
		with_lock source source_unpack "$dest"
	fi
	echo "$dest"
}

# copy_driver DIR: what it takes to build the module there. As old as it is here:
# what is built stays built.
copy_driver()
{
	mkdir -p "$1"
	(cd "$VHOST_TOP" && find drivers/vhost include/{linux,trace} -type f \
		! -name '*.mod.c' \( -name '*.[ch]' -o -name 'Makefile*' \) \
		-exec cp -a --parents -t "$1" {} +)
}

# build_variant NAME KDIR ARGUMENT...: builds the module for a kernel, with these
# arguments of make, beside the one in the tree, and prints its file.
build_variant()
{
	local name dir kdir=$2

	name=$1-$(cksum <<<"$VHOST_TOP" | cut -d ' ' -f 1)
	dir=$(cache_dir variants)/$name
	shift 2
	need_build
	with_lock "variant-$name" variant_make "$dir" "$kdir" "$@" >&2 ||
		die "no module for $kdir with $*"
	echo "$dir/drivers/vhost/vhost_net.ko"
}

variant_make()
{
	local dir=$1 kdir=$2 out
	shift 2

	copy_driver "$dir"
	out=$(make -C "$kdir" M="$dir/drivers/vhost" W=1 -j"$(nproc)" \
		"$@" modules 2>&1) &&
		! grep -i 'warning: ' <<<"$out" | grep -qv 'compiler differs' &&
		return
	echo "$out"
	rm -rf "$dir"
	return 1
}

# options_module: a module with all options, and with the long header also for
# kernels whose taps do not know of it: enough to test our side of it.
options_module()
{
	local uapi args=(CONFIG_VHOST_CROSS_ENDIAN_LEGACY=y)

	uapi=$(kernel_source)/include/uapi/linux/if_tun.h
	grep -q TUN_F_UDP_TUNNEL_GSO "$uapi" ||
		args+=("KCFLAGS=$(printf -- '-D%s ' TUN_F_UDP_TUNNEL_GSO=0x80 \
			VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO=65 \
			VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO=67)")
	build_variant options "$(kdir)" "${args[@]}"
}

# series_kdir SERIES: what to build against for this distribution's kernel, or
# for the newest one of another series (see scripts/kernels).
series_kdir()
{
	local dir

	if [[ $1 == 6.1 ]]; then
		kdir
	else
		dir=$("$VHOST_TOP/scripts/kernels" --headers "$1")
		echo "$dir/build"
	fi
}

# series_module SERIES: a module for that kernel.
series_module()
{
	local dir

	dir=$(series_kdir "$1")
	build_variant "series-$1" "$dir"
}
