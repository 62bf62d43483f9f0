# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Parts of "run": initramfs, choice of accelerator, reading the kernel's log.

# Modules that stand between the VM's kernel and the host's root.
VM_MODULES=(virtio_pci 9pnet_virtio 9p overlay virtio_console)

# What the kernel prints when something is broken. Anchored where the words
# also occur in harmless lines.
VM_TROUBLE='\] WARNING: |BUG: |BUG at |Oops|Kernel panic|kernel panic'
VM_TROUBLE+='|unable to handle|[Gg]eneral protection|scheduling while atomic'
VM_TROUBLE+='|KASAN: |KCSAN: |KFENCE: |UBSAN: |refcount_t: |unreferenced object'
VM_TROUBLE+='|suspected memory leak|rcu.*(detected|self-detected) .*stall'
VM_TROUBLE+='|rcu.*kthread starved|blocked for more than|lockup|[Ll]ockdep.*off'
VM_TROUBLE+='|possible (recursive|circular|irq) lock|inconsistent lock state'
VM_TROUBLE+='|suspicious RCU usage|bad unlock balance|held lock freed'
VM_TROUBLE+='|lock held when returning|LOCKS_WARN_ON|list_(add|del) corruption'
VM_TROUBLE+='|Bad page state|page allocation failure|nobody cared|divide error'
VM_TROUBLE+='|invalid opcode|stack-protector|double fault|Out of memory'

# vm_trouble LOG [ALLOWED]: prints the log's lines that mean trouble.
vm_trouble()
{
	tr -d '\r' <"$1" | grep -aE "$VM_TROUBLE" |
		if [[ -n ${2-} ]]; then grep -avE -e "$2"; else cat; fi
}

kernel_image()
{
	local images=("$1"/boot/vmlinu[xz]*)

	[[ -f ${images[0]} ]] || die "no kernel image in $1/boot"
	echo "${images[0]}"
}

kernel_release()
{
	local dirs=("$1"/lib/modules/*)

	[[ -d ${dirs[0]} ]] || die "no modules in $1"
	basename "${dirs[0]}"
}

pack() { (cd "$1" && find . | cpio -o -H newc --quiet -R 0:0); }

# The part of the initramfs that only depends on the kernel.
base_initrd()
{
	local kernel=$1 dest=$2 release root=$2.dir file

	release=$(kernel_release "$kernel")
	rm -rf "$root"
	mkdir -p "$root/bin" "$root/modules"
	cp "$(static_busybox)" "$root/bin/busybox"
	modprobe -d "$kernel" -S "$release" -a --show-depends \
		"${VM_MODULES[@]}" | sed -n 's/^insmod \([^ ]*\).*/\1/p' |
		awk '!seen[$0]++' >"$root/modules/order"
	while read -r file; do
		cp "$file" "$root/modules/"
	done <"$root/modules/order"
	pack "$root" >"$dest.new"
	mv "$dest.new" "$dest"
	rm -rf "$root"
}

# Whether a VM really runs under KVM here: a device node proves nothing. Asked
# once per boot of the machine.
probe_kvm()
{
	local kernel=$1 boot answer dir

	[[ -r /dev/kvm && -w /dev/kvm ]] || return 1
	boot=$(</proc/sys/kernel/random/boot_id)
	answer=$(cache_dir vm)/kvm-$boot
	if [[ ! -e $answer ]]; then
		dir=$(mktemp -d)
		mkdir "$dir/root"
		cp "$(static_busybox)" "$dir/root/busybox"
		printf '#!/busybox sh\n/busybox echo %s\n/busybox reboot -f\n' \
			"alive-$boot" >"$dir/root/init"
		chmod +x "$dir/root/init"
		pack "$dir/root" >"$dir/initrd"
		# In a shell of its own, which can keep quiet about a crash.
		(timeout -k 1 10 qemu-system-x86_64 -M q35 -accel kvm -cpu host \
			-m 256M -nodefaults -display none -no-reboot \
			-serial stdio -kernel "$(kernel_image "$kernel")" \
			-initrd "$dir/initrd" \
			-append "console=ttyS0 quiet panic=-1" \
			</dev/null || true) >"$dir/out" 2>&1
		if grep -aq "alive-$boot" "$dir/out"; then
			echo yes >"$answer"
		else
			echo no >"$answer"
		fi
		rm -rf "$dir"
	fi
	[[ $(<"$answer") == yes ]]
}

# tsc_param: for the command line of an emulated machine's kernel. Its clock
# counts as this machine's does, at a rate that it finds out by a look at another
# clock; where much else runs it has been wrong by twenty times. Processors
# that change their speed do not tell the rate here.
tsc_param()
{
	local mhz

	[[ ! -e /sys/devices/system/cpu/cpu0/cpufreq ]] || return 0
	mhz=$(sed -n 's/^cpu MHz[^0-9]*//p' /proc/cpuinfo | head -n 1)
	[[ $mhz =~ ^[0-9]+\.[0-9]{3}$ ]] || return 0
	echo "tsc_early_khz=${mhz/./}"
}
