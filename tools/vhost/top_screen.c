// SPDX-License-Identifier: GPL-2.0
/*
 * The screen's life: snapshots, keys, and what they change.
 */
#include <errno.h>
#include <math.h>
#include <ncurses.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "top_screen.h"

#define KEY_ESC		27
#define ESC_MS		50	/* until a lone ESC counts as the key */
#define FASTEST		0.1
#define SLOWEST		60.0

static unsigned int column_called(const char *name)
{
	unsigned int c;

	for (c = 0; c < top_n_columns; c++)
		if (!strcmp(top_columns[c].total, name))
			return c;
	return 0;
}

static void mark(struct screen *s, size_t i)
{
	const struct top_row *row;

	if (!s->rows.n) {
		s->marked = 0;
		return;
	}
	if (i >= s->rows.n)
		i = s->rows.n - 1;
	row = &s->rows.row[i];
	s->marked = i;
	s->pid = row->dev->pid;
	s->fd = row->dev->fd;
	s->ring = row->ring ? (int)row->ring->index : -1;
}

/*
 * Marks the line again that was marked, else another one of its device, else
 * what is in its place. Details stay with their device, even if it is gone.
 */
static void mark_again(struct screen *s)
{
	const struct top_row *row;
	size_t i, best = s->marked;
	bool found = false;
	int ring;

	for (i = 0; i < s->rows.n; i++) {
		row = &s->rows.row[i];
		ring = row->ring ? (int)row->ring->index : -1;
		if (row->dev->pid != s->pid || row->dev->fd != s->fd ||
		    (found && ring != s->ring))
			continue;
		best = i;
		found = true;
	}
	if (found || s->view != VIEW_DETAIL)
		mark(s, best);
}

static int make_rows(struct screen *s)
{
	top_rows_free(&s->rows);
	if (top_rows(&s->rows, s->has_before ? &s->before : NULL, &s->now,
		     s->per_device))
		return -ENOMEM;
	top_sort(&s->rows, s->sort, s->reverse);
	mark_again(s);
	return 0;
}

static int sample(struct screen *s, bool first)
{
	struct top_snapshot snap;
	int r;

	r = top_scan(&snap, s->only);
	if (r) {
		top_snapshot_free(&snap);
		return r;
	}
	top_snapshot_free(&s->before);
	s->before = s->now;
	s->has_before = !first;
	s->now = snap;
	return make_rows(s);
}

static void move_mark(struct screen *s, int key)
{
	size_t page = screen_page(), by = key == KEY_NPAGE ||
					  key == KEY_PPAGE ? page : 1;

	if (key == KEY_HOME)
		mark(s, 0);
	else if (key == KEY_END)
		mark(s, s->rows.n);
	else if (key == KEY_DOWN || key == KEY_NPAGE)
		mark(s, s->marked + by);
	else
		mark(s, s->marked > by ? s->marked - by : 0);
}

static void move_detail(struct screen *s, int key)
{
	int page = screen_page();

	if (key == KEY_HOME)
		s->detail_top = 0;
	else if (key == KEY_END)
		s->detail_top = 1 << 20;
	else if (key == KEY_DOWN || key == KEY_NPAGE)
		s->detail_top += key == KEY_NPAGE ? page : 1;
	else
		s->detail_top -= key == KEY_PPAGE ? page : 1;
}

/* Once something is marked by hand, details show that. */
static void move_key(struct screen *s, int key)
{
	if (s->view == VIEW_DETAIL)
		move_detail(s, key);
	else if (s->view == VIEW_TABLE)
		move_mark(s, key);
}

static void change_interval(struct screen *s, bool longer)
{
	s->interval *= longer ? 2 : 0.5;
	s->interval = fmin(fmax(s->interval, FASTEST), SLOWEST);
}

static void open_detail(struct screen *s)
{
	if (s->view == VIEW_TABLE && s->rows.n) {
		s->view = VIEW_DETAIL;
		s->detail_top = 0;
	} else {
		s->view = VIEW_TABLE;
	}
}

static int sort_key(struct screen *s, int key)
{
	unsigned int n = top_n_columns;

	if (key == 'r')
		s->reverse = !s->reverse;
	else if (key == 'd')
		s->per_device = !s->per_device;
	else
		s->sort = (s->sort + (key == '>' ? 1 : n - 1)) % n;
	return make_rows(s);
}

/* Returns 1 to quit, 0, or -errno. */
static int press(struct screen *s, int key)
{
	switch (key) {
	case 'q':
	case KEY_ESC:
	case KEY_BACKSPACE:
		if (s->view == VIEW_TABLE)
			return key == 'q';
		s->view = VIEW_TABLE;
		return 0;
	case 'h':
	case '?':
		s->view = s->view == VIEW_HELP ? VIEW_TABLE : VIEW_HELP;
		return 0;
	case 'p':
	case ' ':
		s->paused = !s->paused;
		return 0;
	case '\n':
	case '\r':
	case KEY_ENTER:
		open_detail(s);
		return 0;
	case '+':
	case '-':
		change_interval(s, key == '+');
		return 0;
	case '<':
	case '>':
	case 'r':
	case 'd':
		return sort_key(s, key);
	case KEY_UP:
	case KEY_DOWN:
	case KEY_PPAGE:
	case KEY_NPAGE:
	case KEY_HOME:
	case KEY_END:
		move_key(s, key);
		return 0;
	}
	return 0;
}

/* All keys that were pressed; 1 also if there is no keyboard any more. */
static int read_keys(struct screen *s, bool readable)
{
	int key, r = 0, waiting = 0;

	if (readable && (ioctl(STDIN_FILENO, FIONREAD, &waiting) || !waiting))
		return 1;
	while (!r && (key = getch()) != ERR)
		r = press(s, key);
	return r;
}

/* Until a key is pressed, the window has another size, or @ms are over. */
static int wait_for_key(struct screen *s, int ms)
{
	struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };
	int r;

	r = poll(&p, 1, ms);
	if (r < 0 && errno != EINTR)
		return -errno;
	if (r > 0 && !(p.revents & POLLIN))
		return 1;
	return read_keys(s, r > 0);
}

static int run(struct screen *s)
{
	__s64 due = top_now_ns(), left;
	bool first = true;
	int r = 0;

	while (!r) {
		left = due - top_now_ns();
		if (left <= 0) {
			if (first || !s->paused)
				r = sample(s, first);
			first = false;
			due = top_now_ns() + llround(s->interval * 1e9);
			left = due - top_now_ns();
		}
		if (r)
			break;
		screen_draw(s);
		r = wait_for_key(s, left / 1000000 + 1);
	}
	return r > 0 ? 0 : r;
}

/**
 * top_screen() - show devices until the user has seen enough
 * @interval: seconds between two snapshots
 * @only: process to look at, 0: all
 *
 * Return: 0 or -errno; what went wrong has been told.
 */
int top_screen(double interval, pid_t only)
{
	struct screen s = {
		.interval = interval,
		.only = only,
		.sort = column_called("PACKETS"),
	};
	int r;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) ||
	    !newterm(NULL, stdout, stdin)) {
		fputs("vhost-top: this is no terminal; --once prints a table\n",
		      stderr);
		return -ENOTTY;
	}
	set_escdelay(ESC_MS);
	cbreak();
	noecho();
	nodelay(stdscr, TRUE);
	keypad(stdscr, TRUE);
	curs_set(0);
	r = run(&s);
	endwin();
	if (r)
		fprintf(stderr, "vhost-top: %s\n", strerror(-r));
	top_rows_free(&s.rows);
	top_snapshot_free(&s.before);
	top_snapshot_free(&s.now);
	return r;
}
