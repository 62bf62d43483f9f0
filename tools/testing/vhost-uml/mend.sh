# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Mistakes of user-mode kernels; source it. What a kernel does not have any more
# is left alone.

# mend_tree TREE: what this architecture could have and nobody asked for, and
# mistakes of its own that the watchers would tell of.
mend_tree()
{
	local kconfig=$1/arch/um/Kconfig word=HAVE_ARCH_USERFAULTFD_MINOR
	local kcov=$1/kernel/kcov.c tlb=$1/arch/um/kernel/tlb.c
	local gcov=$1/kernel/gcov/gcc_base.c
	local uaccess=$1/arch/um/kernel/skas/uaccess.c
	local access=$1/arch/um/include/asm/uaccess.h

	# Faults on pages that are there but not mapped, told to user space.
	grep -q "$word" "$kconfig" ||
		sed -i "/^config UML\$/,/^\tdefault y/s/^\tdefault y/&\n\tselect $word/" \
			"$kconfig"
	# KASAN's constructors are called before there is a first task; what
	# is read as the current one then is anything.
	grep -q SYSTEM_BOOTING "$kcov" ||
		sed -i 's/^\tif (!t || (\(.*\)))$/\tif (\1)/
			s/^\tif (\(!in_task() && .*\))$/\tif (system_state == SYSTEM_BOOTING || (\1))/' \
			"$kcov"
	# So are gcov's, which is too early for a mutex.
	! grep -q 'mutex_lock' "$gcov" ||
		sed -i '/^void __gcov_init/,/^}/{/mutex_/d; /pr_info/d}' "$gcov"
	# What is protected from its process is so from the kernel.
	grep -q 'pte_read' "$uaccess" ||
		sed -i 's/^\tif ((pte == NULL) || !pte_present(\*pte) ||/& !pte_read(*pte) ||/' \
			"$uaccess"
	# What ends where a process's addresses end is the process's own.
	grep -q '(size)) <= TASK_SIZE' "$access" ||
		sed -i 's/(size)) < TASK_SIZE))$/(size)) <= TASK_SIZE))/' \
			"$access"
	# A new process goes through its memory map without any lock.
	grep -q rcu_read_lock "$tlb" ||
		sed -i '/^void force_flush_all/,/^}/{
			s/^\tfor_each_vma/\trcu_read_lock();\n&/
			s/^}/\trcu_read_unlock();\n}/}' "$tlb"
}
