# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2154
#
# The lanes of "check", each a function, which prints TAP; source it after
# lib.sh. A lane's name may have a series of kernels behind it, which is the
# function's argument: "selftests-6.12".

vm=tools/testing/vhost-vm
tests=tools/testing/selftests/vhost
uml=tools/testing/vhost-uml
# What takes longest comes first, for others to run beside it.
lanes=(build debug selftests migrate qemu formats dpdk iommu sockets variants
       package cross lint vm compile-6.12 compile-7.3 tools)
other_lanes=(tree-7.3 selftests-6.12 selftests-7.3 tree-6.12 tree-6.1
	     qemu-7.3 qemu-6.12 package-6.12 package-7.3 dpdk-7.3 dpdk-6.12
	     switches newdpdk newqemu arm64)
# By which lanes a kernel is tried: its headers, its tree, DKMS, tests, clients.
declare -A matrix=(
	[6.1]="build tree-6.1 package selftests,formats,debug qemu,iommu,migrate dpdk"
	[6.12]="compile-6.12 tree-6.12 package-6.12 selftests-6.12 qemu-6.12 dpdk-6.12"
	[7.3]="compile-7.3 tree-7.3 package-7.3 selftests-7.3 qemu-7.3 dpdk-7.3"
)
# Calls that carry structures, and each room once.
TESTS_32=(ioctl_test attach_test features_test v3_test data_test log_test
	  iotlb_test worker_test replay_test)

# The module as the VM needs it; also what a warning-free build means.
lane_build()
{
	local out

	need_build
	out=$(make --no-print-directory W=1 -j"$(nproc)" KDIR="$(kdir)" 2>&1) ||
		{ echo "$out"; return 1; }
	# Debian rebuilds its compiler more often than its kernel.
	out=$(grep -i warning <<<"$out" | grep -v 'compiler differs') ||
		return 0
	echo "$out"
	return 1
}

lane_lint() { make --no-print-directory lint; }

# Sparse, too; and with it for a newer kernel.
lane_cross() { scripts/cross arm64 s390x ppc64le clang 6.12; }

lane_arm64() { "$vm/run-arm64"; }

lane_kunit() { "$uml/kunit"; }

# The tests of kunit and selftests once more, in kernels that look for their own
# mistakes, and those of the runner that starts them.
lane_debug()
{
	local code=0 said runner kernel

	need make gcc libc6-dev iproute2
	make_tests all
	# shellcheck source=tools/testing/vhost-uml/lib.sh
	. "$uml/lib.sh"
	kernel=$(mktemp -d "$(cache_dir)/debug.XXXXXX")
	# shellcheck disable=SC2064 # as it is now
	trap "rm -rf '$kernel'" EXIT
	uml_kernel "$kernel" kunit guest debug
	export UML_LINUX=$kernel/linux

	# Mostly waits, for kernels that come up, and for some that hang.
	exec {said}< <("$vm/selftest" debug 2>&1)
	runner=$!
	"$uml/suite" || code=1
	cat <&"$said"
	wait "$runner" || code=1
	return "$code"
}

lane_vm() { "$vm/selftest"; }

# vhost-top, first where it needs no device.
lane_tools()
{
	local code=0

	tools/vhost/top-test || code=1
	need_module
	need iproute2 jq
	make_tests clients all
	make_top
	"$vm/run" --timeout 600 -- "$tests/clients/vhost_top.sh" ours || code=1
	return "$code"
}

# lane_package [SERIES]: on Debian 12, or on the one that has such a kernel.
lane_package()
{
	make_top
	case $1 in
	"") packaging/test ;;
	6.12) packaging/test trixie ;;
	7.3)
		new_qemu
		QEMU=$qemu packaging/test trixie-backports ;;
	*) die "no Debian with kernel $1" ;;
	esac
}

# "selftests" with packed rings, and with buffers used in order.
lane_formats()
{
	need_module
	need iproute2
	make_tests all
	"$vm/run" --timeout 1800 -- "$tests/run_formats" ours
}

# What only a module with options does; and clients of 32 bits.
lane_variants()
{
	local module built

	module=$(options_module)
	need iproute2 gcc-multilib
	make_tests all
	"$vm/run" --timeout 600 -- "$tests/run_all" "$module" option_test

	need_module
	built=$(cache_dir tests32)
	make_tests OUTPUT="$built" CC="gcc -m32" \
		"${TESTS_32[@]/#/$built/}"
	"$vm/run" --timeout 900 -- env VHOST_TEST_BUILT="$built" \
		"$tests/run_all" ours "${TESTS_32[@]}"
}

# Emulated processors of Debian 12's QEMU that see code change under them, as
# newer kernels do it, lose their way.
new_qemu()
{
	qemu=$(scripts/newer-qemu)
	export VHOST_VM_QEMU=$qemu
}

# on_kernel SERIES: sets "run", which runs a command in a VM with that kernel, or
# with this distribution's if there is no SERIES, "module" for it, and "qemu" for
# guests.
on_kernel()
{
	local dir

	run=("$vm/run") module=ours qemu=qemu-system-x86_64
	if [[ -z $1 ]]; then
		need_module
		return
	fi
	dir=$(scripts/kernels "$1")
	run+=(--kernel "$dir")
	module=$(series_module "$1")
	[[ $1 != 7.* ]] || new_qemu
}

lane_compile() { scripts/compile "$1"; }

# The driver as part of a kernel's own tree.
lane_tree() { "$uml/tree" "$1"; }

lane_selftests()
{
	on_kernel "$1"
	need iproute2
	make_tests all
	"${run[@]}" --timeout 2400 -- "$tests/run_all" "$module"
}

lane_qemu()
{
	on_kernel "$1"
	need iproute2
	make_top
	"${run[@]}" --timeout 1500 -- env QEMU="$qemu" \
		"$tests/clients/qemu_guest.sh" "$module"
}

lane_iommu()
{
	need_guest
	"$vm/run" --timeout 1500 -- "$tests/clients/qemu_iommu.sh" ours
}

# newer_qemu_client NAME: a client that wants a newer QEMU than Debian's, which
# has to do if there is no other.
newer_qemu_client()
{
	local qemu

	need_guest
	make_tests clients
	qemu=$(scripts/newer-qemu) || qemu="qemu-system-x86_64"
	"$vm/run" --timeout 1500 -- env QEMU="$qemu" "$tests/clients/$1" ours
}

# QEMU before version 9.0 forgets to copy some of what an emulated guest writes
# while it moves.
lane_migrate() { newer_qemu_client qemu_migrate.sh; }

# The client of "qemu" with what only a newer QEMU has.
lane_newqemu() { newer_qemu_client qemu_guest.sh; }

# packages_client CLIENT PACKAGE...: a client with packages that must not be
# installed here, for the sake of their daemons.
packages_client()
{
	local client=$1 files
	shift

	need_guest
	files=$(scripts/more-packages "$@")
	"$vm/run" --timeout 1500 -- env MORE_FILES="$files" \
		"$tests/clients/$client" ours
}

lane_switches() { packages_client switches.sh openvswitch-switch; }

lane_sockets()
{
	need_guest
	need passt
	make_tests clients
	"$vm/run" --timeout 1500 -- "$tests/clients/qemu_sockets.sh" ours
}

lane_options()
{
	need strace
	newer_qemu_client qemu_options.sh
}

lane_dpdk()
{
	on_kernel "$1"
	need iproute2 dpdk-dev librte-net-virtio23 librte-mempool-ring23 strace gcc
	"${run[@]}" --timeout 1200 -- "$tests/clients/dpdk.sh" "$module"
}

lane_newdpdk()
{
	local root

	need_module
	need iproute2 strace gcc
	root=$(scripts/newer-dpdk)
	"$vm/run" --timeout 1200 -- env TESTPMD_ROOT="$root" \
		"$tests/clients/dpdk.sh" ours
}

# What a VM needs to have a guest of its own, and the module to test with it.
need_guest()
{
	need_module
	need iproute2
}

need_module()
{
	need_build
	with_lock "$tree" make -s KDIR="$(kdir)" >/dev/null
}

make_top()
{
	need libncurses-dev
	with_lock "$tree" make -s -C tools/vhost vhost-top
}

make_tests() { with_lock "$tree" make -s -C "$tests" "$@"; }
