# SPDX-License-Identifier: GPL-2.0
#
# Reads "objdump -dr" of an object. For each function that the functions in
# "roots" lead to by direct calls, prints
#
#	function NAME
#	call NAME SECTION ADDRESS CALLEE
#
# with a line for each call that leaves the object, or that goes to wherever a
# pointer points: the callee is "*" then. What sleeps behind a static call is
# not followed: it is off.

function hex(text,	n, i)
{
	n = 0
	for (i = 1; i <= length(text); i++)
		n = n * 16 + index("0123456789abcdef", substr(text, i, 1)) - 1
	return n
}

# Which function is there?
function find(section, address,	i, found)
{
	for (i = 1; i <= num_functions; i++)
		if (sections[i] == section && starts[i] <= address)
			found = functions[i]
	return found
}

function add_edge(from, to)
{
	if (from != to && !((from, to) in edge)) {
		edge[from, to] = 1
		callees[from] = callees[from] " " to
	}
}

/^Disassembly of section/ { section = $4; sub(/:$/, "", section) }

/^[0-9a-f]+ <.*>:$/ {
	finish_branch()
	name = $2
	gsub(/[<>:]/, "", name)
	functions[++num_functions] = name
	sections[num_functions] = section
	starts[num_functions] = hex($1)
	here[name] = 1
	owner = name
	# The unlikely part of a function.
	if (sub(/\.cold$/, "", owner))
		add_edge(owner, name)
	next
}

# Where a branch goes is only known when no relocation follows it.
function finish_branch()
{
	if (target != "")
		add_edge(name, target)
	target = ""
}

# An instruction.
/^ +[0-9a-f]+:\t/ {
	finish_branch()
	address = $1
	sub(/:$/, "", address)
	branch = $0 ~ /\t(notrack |bnd )?(call|j[a-z]+) /
	if (!branch)
		next
	if ($0 ~ /(call|jmp) +\*/)
		sites[name] = sites[name] " " section " " address " *"
	else if ($NF ~ /^<[^+]*>$/)
		target = substr($NF, 2, length($NF) - 2)
	next
}

# What the relocation of a branch says; calls out of cold parts and into them
# name a section and a distance.
branch && /R_X86_64_(PLT32|PC32)/ {
	target = ""
	callee = $NF
	if (callee ~ /^\.[a-z.]*\+0x/) {
		split(callee, part, /\+0x/)
		places[++num_places] = part[1] " " hex(part[2]) + 4
		place_from[num_places] = name
		next
	}
	sub(/-0x4$/, "", callee)
	if (callee ~ /^__x86_indirect_/)
		callee = "*"
	else
		add_edge(name, callee)
	sites[name] = sites[name] " " section " " address " " callee
}

END {
	finish_branch()
	for (i = 1; i <= num_places; i++) {
		split(places[i], part, " ")
		add_edge(place_from[i], find(part[1], part[2]))
	}
	last = split(roots, todo, " ")
	for (i = 1; i <= last; i++)
		seen[todo[i]] = 1
	for (i = 1; i <= last; i++) {
		name = todo[i]
		if (!(name in here))
			continue
		print "function", name
		n = split(sites[name], found, " ")
		for (j = 1; j < n; j += 3)
			if (!(found[j + 2] in here))
				print "call", name, found[j], found[j + 1],
				      found[j + 2]
		n = split(callees[name], found, " ")
		for (j = 1; j <= n; j++)
			if (!(found[j] in seen) && found[j] !~ /^__SCT__/) {
				seen[found[j]] = 1
				todo[++last] = found[j]
			}
	}
}
