# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Talks to an unmodified testpmd inside the VM; source it after guest-lib.sh.

: "${dir:?a directory for what is in the making}"

# Where a DPDK is that is not this machine's.
TESTPMD_ROOT=${TESTPMD_ROOT-}
TESTPMD=$TESTPMD_ROOT/usr/bin/dpdk-testpmd
PMD_DIR=$(echo "$TESTPMD_ROOT"/usr/lib/x86_64-linux-gnu/dpdk/pmds-*)
TESTPMD_LIMIT=${TESTPMD_LIMIT-120}
testpmd=""		# process id
testpmd_in=""		# file descriptor of its input
testpmd_job=""
answer=""

# Writing to a testpmd that has died is an error like others.
trap '' PIPE

# DPDK loads all the drivers it finds at every start. Emulated, that takes a
# minute; so those that testpmd is not linked with disappear, but for virtio.
hide_drivers()
{
	local name keep=$dir/pmds

	# Another DPDK came with no others.
	[[ -z $TESTPMD_ROOT ]] || return 0
	mkdir -p "$keep"
	{
		ldd "$TESTPMD" | cut -d ' ' -f 3
		printf '%s\n' librte_net_virtio.so.23 librte_mempool_ring.so.23
	} | while read -r name; do
		name=${name##*/}
		[[ -z $name || ! -e $PMD_DIR/$name ]] ||
			cp -P "$PMD_DIR/$name"* "$keep/"
	done
	mount --bind "$keep" "$PMD_DIR"
}

# testpmd_answer FROM COMMAND: waits for the prompt after the echo of the
# command, which is somewhere behind byte FROM of the output. What is between
# the two goes to $answer.
testpmd_answer()
{
	local end=$((SECONDS + TESTPMD_LIMIT)) echo=${2:+$2$'\n'}

	while ((SECONDS < end)); do
		answer=$(tail -c "+$(($1 + 1))" "$dir/out" | tr -d '\r'; echo .)
		if [[ $answer == *"$echo"*"testpmd> "* ]]; then
			answer=${answer#*"$echo"}
			answer=${answer%%"testpmd> "*}
			return
		fi
		kill -0 "$testpmd_job" 2>/dev/null || break
		sleep 0.1
	done
	note "no answer from testpmd:" "$(tail -n 20 "$dir/out")"
	return 1
}

# pmd COMMAND: one line to testpmd, and what it says to that in $answer.
pmd()
{
	local from

	from=$(stat -c %s "$dir/out")
	printf '%s\n' "$*" >&"$testpmd_in" && testpmd_answer "$from" "$*"
}

# testpmd_start [--trace] PORT... -- OPTION...: a PORT is what comes after
# "path=/dev/vhost-net" in the device's description. Its tap is tap0, tap1...
testpmd_start()
{
	local run=(stdbuf -o0 "$TESTPMD") devices=() n=0

	if [[ $1 == --trace ]]; then
		run=(strace -f --seccomp-bpf -e trace=ioctl -o "$dir/trace"
		     "${run[@]}")
		shift
	fi
	while [[ $1 != -- ]]; do
		devices+=("--vdev=virtio_user$n,path=/dev/vhost-net,iface=tap$n${1:+,$1}")
		((++n))
		shift
	done
	shift
	rm -f "$dir/in" "$dir/out"
	mkfifo "$dir/in"
	: >"$dir/out"
	[[ -z $TESTPMD_ROOT ]] || devices+=(-d "$PMD_DIR")
	"${run[@]}" -l 0,1 --no-pci --iova-mode=va --no-telemetry \
		"${devices[@]}" -- -i --total-num-mbufs=16384 "$@" \
		<"$dir/in" >"$dir/out" 2>&1 &
	testpmd_job=$!
	exec {testpmd_in}>"$dir/in"
	testpmd_answer 0 "" || return
	testpmd=$(pidof dpdk-testpmd) || return
	while ((n--)); do
		ip link set "tap$n" up txqueuelen 1000 || return
	done
}

testpmd_stop()
{
	local end=$((SECONDS + TESTPMD_LIMIT)) code=0

	[[ -n $testpmd_job ]] || return 0
	printf 'quit\n' >&"$testpmd_in" || true
	while kill -0 "$testpmd_job" 2>/dev/null && ((SECONDS < end)); do
		sleep 0.1
	done
	testpmd_kill
	exec {testpmd_in}>&-
	wait "$testpmd_job" || code=$?
	testpmd_job="" testpmd=""
	return "$code"
}

testpmd_kill()
{
	[[ -z $testpmd ]] || kill -KILL "$testpmd" 2>/dev/null || true
	[[ -z $testpmd_job ]] || kill -KILL "$testpmd_job" 2>/dev/null || true
}

# port_stat PORT NAME: a number of "show port stats", like TX-packets.
port_stat()
{
	pmd "show port stats $1" || return
	sed -n "s/.*$2: *\([0-9]*\).*/\1/p" <<<"$answer"
}

# port_xstat PORT NAME: one of "show port xstats", like tx_q0_good_packets.
port_xstat()
{
	pmd "show port xstats $1" || return
	sed -n "s/^$2: //p" <<<"$answer"
}

tap_stat() { cat "/sys/class/net/$1/statistics/$2"; }

vhost_fds()
{
	local fd

	for fd in /proc/"$testpmd"/fd/*; do
		if [[ $(readlink "$fd") == /dev/vhost-net ]]; then
			echo "${fd##*/}"
		fi
	done | sort -n
}

# fdinfo KEY [N]: a counter of the Nth vhost fd, or of all of them together.
fdinfo()
{
	local fd

	for fd in $(vhost_fds | sed -n "${2:-1,\$}p"); do
		cat "/proc/$testpmd/fdinfo/$fd"
	done | awk -v key="$1:" '$1 == key { sum += $2; n++ }
				 END { if (n) print sum; else exit 1 }'
}

vhost_features()
{
	sed -n 's/^vhost-features:\t//p' \
		"/proc/$testpmd/fdinfo/$(vhost_fds | head -n 1)"
}

# stable COMMAND...: waits until what it prints stays the same.
stable()
{
	local last="" now count=0

	for _ in {1..200}; do
		now=$("$@")
		if [[ $now == "$last" ]]; then
			((++count < 3)) || break
		else
			count=0
		fi
		last=$now
		sleep 0.2
	done
	echo "$last"
}

# same WHAT NUMBER...: all the numbers are there, and are the same.
same()
{
	local what=$1 first=$2 number

	shift
	for number; do
		if [[ -z $number || $number != "$first" ]]; then
			note "$what: $*"
			return 1
		fi
	done
}
