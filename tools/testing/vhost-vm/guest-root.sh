# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
#
# For the first process of a VM, which runs the programs of $B: the host's root
# under a layer of memory, with the VM's own /proc, /sys and /dev. The other
# values come from "run".

# root_layer LOWER DIR: makes $new below DIR.
root_layer()
{
	$B mount -t tmpfs tmpfs "$2"
	new=$2/new
	$B mkdir -p "$2/u" "$2/w" "$2/keep" "$new"
	$B mount -t overlay -o "lowerdir=$1,upperdir=$2/u,workdir=$2/w" \
		overlay "$new" || fail "no overlay"

	# What the host keeps in /tmp and /run must not be seen, except for
	# what the command needs from there.
	for path in $VM_KEEP; do
		$B mkdir -p "$2/keep$path"
		$B mount --bind "$new$path" "$2/keep$path"
	done
	for dir in tmp run; do
		$B mount -t tmpfs -o mode=1777 tmpfs "$new/$dir"
	done
	$B chmod 755 "$new/run"
	for path in $VM_KEEP; do
		$B mkdir -p "$new$path"
		$B mount --bind "$2/keep$path" "$new$path"
	done
	$B mkdir -p "$new/out" "$new/run/vhost-vm"
}

# Kernels differ in what they have.
root_mount()
{
	$B grep -qw "$1" /proc/filesystems || return 0
	$B mkdir -p "$2"
	$B mount -t "$1" "$1" "$2"
}

# root_system: into $new, where it also leaves the shell.
root_system()
{
	cd "$new" || fail "no root"
	root_mount debugfs /sys/kernel/debug
	root_mount tracefs /sys/kernel/tracing
	root_mount cgroup2 /sys/fs/cgroup
	root_mount hugetlbfs /dev/hugepages
	$B mkdir -p /dev/pts /dev/shm
	$B mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /dev/pts
	$B mount -t tmpfs -o mode=1777 tmpfs /dev/shm
	$B ln -sfn /proc/self/fd /dev/fd
	$B ln -sfn /proc/self/fd/0 /dev/stdin
	$B ln -sfn /proc/self/fd/1 /dev/stdout
	$B ln -sfn /proc/self/fd/2 /dev/stderr
	$B rm -f etc/mtab
	$B ln -sfn /proc/self/mounts etc/mtab
	$B ip link set lo up
	$B hostname vhost-vm
	# Emulation on a busy machine is slow, not hung.
	echo 240 >/proc/sys/kernel/hung_task_timeout_secs
	for dir in proc sys dev; do
		$B mount --move "/$dir" "$dir"
	done
}
