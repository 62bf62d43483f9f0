// SPDX-License-Identifier: GPL-2.0
/*
 * Draws the screen. All text has been cleaned, and is ASCII here: a character
 * is a column.
 */
#include <ncurses.h>
#include <stdlib.h>
#include <string.h>

#include "top_screen.h"

#define HEAD_LINES	2	/* title and headings */
#define FOOT_LINES	1
#define VM_WIDEST	32

static const char keys[] =
	"q quit  h help  < > sort  r reverse  d devices  Enter detail  p pause";

static const char help_text[] =
"Keys\n"
"\n"
"  < >            sort by the column to the left, to the right\n"
"  r              sort the other way round\n"
"  d              a line for each device, or for each ring\n"
"  up, down       mark a line; page up, page down, home, end as well\n"
"  Enter          all that the marked device tells; again: back\n"
"  p, blank       pause, go on\n"
"  + -            a longer, a shorter time between two screens\n"
"  h, ?           this text\n"
"  q              back; quit\n"
"\n"
"Columns\n"
"\n"
"  DEV      number of the open device, or its descriptor\n"
"  RING     rx: to the guest; tx: from the guest\n"
"  STATE    running, stopped, or why the ring is broken\n"
"  PKT/B    packets for each time that used buffers were shown to the guest\n"
"  KICK/S   notifications by the guest; CALL/S: interrupts to the guest\n"
"  ERR/S    buffers and packets that could not be used, REASON: most of them\n"
"  CPU%     of the ring's worker, which may have other rings, too\n"
"\n"
"A narrow terminal shows fewer columns. \"-\" is what is not known.\n";

/**
 * screen_page() - how many lines of a table there is room for
 *
 * Return: at least one.
 */
int screen_page(void)
{
	int n = LINES - HEAD_LINES - FOOT_LINES;

	return n > 1 ? n : 1;
}

/* Up to the end of the line, which is all drawn in the current attributes. */
static void put_line(int y, const char *text)
{
	char line[512];

	snprintf(line, sizeof(line), "%-*.*s",
		 COLS < 511 ? COLS : 511, COLS < 511 ? COLS : 511, text);
	mvaddstr(y, 0, line);
}

static void draw_title(const struct screen *s)
{
	const struct top_column *col = &top_columns[s->sort];
	size_t rings = 0, i;
	char text[256];

	for (i = 0; i < s->now.n; i++)
		rings += s->now.dev[i].n_rings;
	snprintf(text, sizeof(text),
		 "vhost-top: %zu devices, %zu rings, %s%.3gs, by %s%s%s%s",
		 s->now.n, rings, s->has_before ? "" : "totals, ",
		 s->interval,
		 s->rows.rates && col->rate ? col->rate : col->total,
		 s->reverse ? " reversed" : "",
		 s->paused ? ", PAUSED" : "",
		 s->now.denied ? ", own processes only" : "");
	attron(A_BOLD);
	put_line(0, text);
	attroff(A_BOLD);
}

/* Which columns fit, and how wide they are: 0 is left out. */
static void fit_columns(int *width)
{
	int left = COLS + 1, rank = 0;
	unsigned int c;

	for (c = 0; c < top_n_columns; c++) {
		width[c] = top_columns[c].width;
		left -= width[c] + 1;
		if (top_columns[c].rank > rank)
			rank = top_columns[c].rank;
	}
	for (; left < 0 && rank > 0; rank--) {
		for (c = 0; c < top_n_columns; c++) {
			if (top_columns[c].rank != rank)
				continue;
			left += width[c] + 1;
			width[c] = 0;
		}
	}
	if (left > 0)
		width[0] += left < VM_WIDEST - width[0] ? left :
							  VM_WIDEST - width[0];
}

static size_t add_cell(char *line, size_t at, const char *cell, int width,
		       bool left)
{
	/* Where there is no room, the reason says enough. */
	if ((int)strlen(cell) > width && !strncmp(cell, "broken:", 7))
		cell += 7;
	return at + sprintf(line + at, "%*.*s ", left ? -width : width, width,
			    cell);
}

static void draw_headings(const struct screen *s, const int *width)
{
	const struct top_column *col = top_columns;
	char line[512];
	unsigned int c;
	size_t at = 0;

	for (c = 0; c < top_n_columns; c++, col++)
		if (width[c])
			at = add_cell(line, at, s->rows.rates && col->rate ?
				      col->rate : col->total, width[c],
				      col->left);
	attron(A_REVERSE);
	put_line(1, line);
	attroff(A_REVERSE);
}

static bool is_broken(const struct top_row *row)
{
	unsigned int i;

	for (i = 0; i < row->dev->n_rings; i++)
		if (*row->dev->rings[i].broken &&
		    (!row->ring || row->ring == &row->dev->rings[i]))
			return true;
	return false;
}

static void draw_row(const struct screen *s, size_t i, const int *width)
{
	const struct top_row *row = &s->rows.row[i];
	attr_t attr = i == s->marked ? A_STANDOUT : 0;
	char cell[TOP_CELL], line[512];
	unsigned int c;
	size_t at = 0;

	if (is_broken(row))
		attr |= A_BOLD;
	for (c = 0; c < top_n_columns; c++) {
		if (!width[c])
			continue;
		top_columns[c].cell(row, cell, sizeof(cell));
		at = add_cell(line, at, cell, width[c], top_columns[c].left);
	}
	attron(attr);
	put_line(HEAD_LINES + i - s->top, line);
	attroff(attr);
}

static void draw_table(struct screen *s)
{
	size_t page = screen_page(), i;
	int width[top_n_columns];

	if (s->marked < s->top)
		s->top = s->marked;
	if (s->marked >= s->top + page)
		s->top = s->marked - page + 1;
	fit_columns(width);
	draw_headings(s, width);
	for (i = s->top; i < s->rows.n && i < s->top + page; i++)
		draw_row(s, i, width);
	if (!s->rows.n)
		mvaddstr(HEAD_LINES, 0,
			 "No process has a vhost-net device open.");
}

static void draw_text(char *text, int *top)
{
	int room = LINES - 1 - FOOT_LINES, lines = 0, y = 0;
	char *line, *rest;

	for (line = text; (line = strchr(line, '\n')); line++)
		lines++;
	if (*top > lines - room)
		*top = lines - room;
	if (*top < 0)
		*top = 0;
	for (rest = text; y < *top + room && (line = strsep(&rest, "\n")); y++)
		if (y >= *top)
			put_line(1 + y - *top, line);
}

static void draw_detail(struct screen *s)
{
	const struct top_device *dev = NULL, *before;
	char *text = NULL;
	size_t i, size;
	FILE *f;

	for (i = 0; i < s->now.n; i++)
		if (s->now.dev[i].pid == s->pid && s->now.dev[i].fd == s->fd)
			dev = &s->now.dev[i];
	f = dev ? open_memstream(&text, &size) : NULL;
	if (!f) {
		mvaddstr(1, 0, "This device has been closed.");
		return;
	}
	before = s->has_before ? top_same_device(&s->before, dev) : NULL;
	top_print_detail(f, before, dev);
	fclose(f);
	if (text)
		draw_text(text, &s->detail_top);
	free(text);
}

static void draw_help(void)
{
	char *text = strdup(help_text);
	int top = 0;

	if (text)
		draw_text(text, &top);
	free(text);
}

/**
 * screen_draw() - draw all of the screen
 * @s: what is to be seen
 */
void screen_draw(struct screen *s)
{
	erase();
	draw_title(s);
	if (s->view == VIEW_HELP)
		draw_help();
	else if (s->view == VIEW_DETAIL)
		draw_detail(s);
	else
		draw_table(s);
	attron(A_DIM);
	put_line(LINES - 1, keys);
	attroff(A_DIM);
	refresh();
}
