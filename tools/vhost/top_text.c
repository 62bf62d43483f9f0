// SPDX-License-Identifier: GPL-2.0
/*
 * Texts of others: a VM's name is whatever its user says, escape sequences
 * included, and ends up on the terminal of an administrator.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "top.h"

/*
 * Length of the character that @s begins with, 0 if that isn't UTF-8, and
 * which one it is.
 */
static size_t decode(const unsigned char *s, __u32 *c)
{
	static const __u32 least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n, i;

	if (*s < 0x80) {
		*c = *s;
		return 1;
	}
	n = *s >= 0xf0 && *s < 0xf8 ? 4 : *s >= 0xe0 && *s < 0xf0 ? 3 :
	    *s >= 0xc0 && *s < 0xe0 ? 2 : 0;
	if (!n)
		return 0;
	*c = *s & (0x7f >> n);
	for (i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		*c = *c << 6 | (s[i] & 0x3f);
	}
	if (*c < least[n] || *c > 0x10ffff || (*c >= 0xd800 && *c < 0xe000))
		return 0;
	return n;
}

/* Controls, and what changes the order or the place of its neighbours. */
static bool harmless(__u32 c)
{
	return c >= ' ' && (c < 0x7f || c >= 0xa0) &&
	       !(c >= 0x200b && c <= 0x200f) &&
	       !(c >= 0x2028 && c <= 0x202e) &&
	       !(c >= 0x2060 && c <= 0x206f) && c != 0x061c && c != 0xfeff &&
	       !(c >= 0xe0000 && c <= 0xe0fff);
}

/**
 * top_clean() - leave only UTF-8 that a terminal just shows
 * @s: the text; each byte or character that is not of that kind becomes "?"
 */
void top_clean(char *s)
{
	unsigned char *in = (unsigned char *)s, *out = in;
	__u32 c;
	size_t n;

	while (*in) {
		n = decode(in, &c);
		if (n && harmless(c)) {
			memmove(out, in, n);
			out += n;
		} else {
			*out++ = '?';
		}
		in += n ? n : 1;
	}
	*out = 0;
}

/**
 * top_ascii() - make every character as wide as any other
 * @s: a text that has been through top_clean(), or the beginning of one
 */
void top_ascii(char *s)
{
	unsigned char *in = (unsigned char *)s;
	char *out = s;

	for (; *in; in++)
		if (*in < 0x80)
			*out++ = *in;
		else if (*in >= 0xc0)
			*out++ = '?';
	*out = 0;
}

/**
 * top_copy() - copy as much of a text as there is room for
 * @to: where to
 * @from: clean text
 * @size: room; no character is cut in two
 */
void top_copy(char *to, const char *from, size_t size)
{
	size_t n = strlen(from);

	if (n >= size) {
		n = size - 1;
		while (n && (from[n] & 0xc0) == 0x80)
			n--;
	}
	memmove(to, from, n);
	to[n] = 0;
}

/**
 * top_number() - read a number
 * @s: decimal digits and nothing else
 * @n: the number, unchanged on failure
 *
 * Return: whether it is one that fits.
 */
bool top_number(const char *s, __u64 *n)
{
	unsigned long long val;
	char *end;

	if (*s < '0' || *s > '9')
		return false;
	errno = 0;
	val = strtoull(s, &end, 10);
	if (errno || *end)
		return false;
	*n = val;
	return true;
}

/**
 * top_human() - write a number in no more than five characters
 * @n: the number, not negative
 * @buf: where to
 * @size: room there
 */
void top_human(double n, char *buf, size_t size)
{
	static const char units[] = " kMGTPE";
	const char *unit = units;

	if (n < 9999.5) {
		snprintf(buf, size, n > 0 && n < 9.95 ? "%.1f" : "%.0f", n);
		return;
	}
	while (n >= 999.5 && unit[1]) {
		n /= 1000;
		unit++;
	}
	snprintf(buf, size, n < 9.995 ? "%.2f%c" : n < 99.95 ? "%.1f%c" :
		 "%.0f%c", n, *unit);
}

/**
 * top_json_string() - write a text as a JSON string
 * @f: where to
 * @s: the text
 */
void top_json_string(FILE *f, const char *s)
{
	putc('"', f);
	for (; *s; s++)
		if (*s == '"' || *s == '\\')
			fprintf(f, "\\%c", *s);
		else if ((unsigned char)*s < ' ')
			fprintf(f, "\\u%04x", *s);
		else
			putc(*s, f);
	putc('"', f);
}

/**
 * top_csv_string() - write a text as a field of CSV
 * @f: where to
 * @s: the text
 */
void top_csv_string(FILE *f, const char *s)
{
	if (!strpbrk(s, ",\"\r\n ")) {
		fputs(s, f);
		return;
	}
	putc('"', f);
	for (; *s; s++) {
		if (*s == '"')
			putc('"', f);
		putc(*s, f);
	}
	putc('"', f);
}

/**
 * top_label() - write a text as the value of a Prometheus label
 * @f: where to
 * @s: the text
 */
void top_label(FILE *f, const char *s)
{
	putc('"', f);
	for (; *s; s++)
		if (*s == '\n')
			fputs("\\n", f);
		else if (*s == '"' || *s == '\\')
			fprintf(f, "\\%c", *s);
		else
			putc(*s, f);
	putc('"', f);
}
