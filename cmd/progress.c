// SPDX-License-Identifier: GPL-2.0-or-later
#include "progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "message.h"
#include "options.h"

enum { PATIENCE_MS = 1000, INTERVAL_MS = 200 };

static struct {
	bool on, visible;
	struct cmd_progress_total total, done;
	int64_t begun_ms, drawn_ms;
} bar;

static int64_t now_ms(void)
{
	return hsm_clock_ns() / 1000000;
}

static int columns(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		return size.ws_col;
	return 80;
}

const char *cmd_progress_size(char text[CMD_SIZE_TEXT], uint64_t bytes)
{
	static const char units[] = "KMGTPE";
	double value = (double)bytes / 1024;
	const char *unit = units;

	if (bytes < 1024) {
		snprintf(text, CMD_SIZE_TEXT, "%" PRIu64 " B", bytes);
		return text;
	}
	while (value >= 1023.95) {
		value /= 1024;
		unit++;
	}
	snprintf(text, CMD_SIZE_TEXT, "%.1f %ciB", value, *unit);
	return text;
}

/* How much of the work is done, 0 to 1; negative when nobody knows. */
static double fraction(void)
{
	double part = -1;

	if (bar.total.bytes)
		part = (double)bar.done.bytes / (double)bar.total.bytes;
	else if (bar.total.files)
		part = (double)bar.done.files / (double)bar.total.files;
	return part > 1 ? 1 : part;
}

/* "[====>     ] 0:01:30 left", as wide as `room`. */
static void print_bar(int room, double part, double elapsed_s)
{
	char text[40] = " -:--:-- left";
	int width, full;

	if (part > 0) {
		uint64_t left = (uint64_t)(elapsed_s * (1 - part) / part);

		snprintf(text, sizeof(text),
			 " %" PRIu64 ":%02" PRIu64 ":%02" PRIu64 " left",
			 left / 3600, left / 60 % 60, left % 60);
	}
	width = room - (int)strlen(text) - 4;
	if (width < 4)
		return;
	full = (int)(part * width);
	fprintf(stderr, "  [");
	for (int i = 0; i < width; i++)
		fputc(i < full ? '=' : i == full ? '>' : ' ', stderr);
	fprintf(stderr, "]%s", text);
}

static void draw(int64_t now)
{
	double elapsed_s = (double)(now - bar.begun_ms + 1) / 1000;
	char bytes[CMD_SIZE_TEXT], of[CMD_SIZE_TEXT], rate[CMD_SIZE_TEXT];
	char text[160], files_total[24] = "", bytes_total[24] = "";
	int n;

	if (bar.total.files)
		snprintf(files_total, sizeof(files_total), "/%" PRIu64,
			 bar.total.files);
	if (bar.total.bytes)
		snprintf(bytes_total, sizeof(bytes_total), " of %s",
			 cmd_progress_size(of, bar.total.bytes));
	cmd_progress_size(bytes, bar.done.bytes);
	cmd_progress_size(rate, (uint64_t)((double)bar.done.bytes / elapsed_s));
	n = snprintf(text, sizeof(text), "%" PRIu64 "%s files  %s%s  %s/s",
		     bar.done.files, files_total, bytes, bytes_total, rate);
	fprintf(stderr, "\r%s", text);
	if (fraction() >= 0)
		print_bar(columns() - 1 - n, fraction(), elapsed_s);
	if (isatty(STDERR_FILENO))
		fputs("\033[K", stderr);
	bar.visible = true;
	bar.drawn_ms = now;
}

bool cmd_progress_wanted(void)
{
	if (cmd_options.progress < 0)
		return isatty(STDERR_FILENO);
	return cmd_options.progress;
}

void cmd_progress_begin(struct cmd_progress_total total)
{
	bar.on = cmd_progress_wanted();
	bar.total = total;
	bar.begun_ms = now_ms();
	bar.drawn_ms = bar.begun_ms;
	if (cmd_options.progress < 0)
		bar.drawn_ms += PATIENCE_MS - INTERVAL_MS;
}

void cmd_progress_add(uint64_t bytes)
{
	int64_t now;

	cmd_message_lock();
	bar.done.files++;
	bar.done.bytes += bytes;
	if (bar.on) {
		now = now_ms();
		if (now - bar.drawn_ms >= INTERVAL_MS)
			draw(now);
	}
	cmd_message_unlock();
}

void cmd_progress_hide(void)
{
	cmd_message_lock();
	if (bar.visible)
		fputs(isatty(STDERR_FILENO) ? "\r\033[K" : "\n", stderr);
	bar.visible = false;
	cmd_message_unlock();
}

void cmd_progress_end(void)
{
	cmd_message_lock();
	if (bar.on && (bar.visible || cmd_options.progress > 0)) {
		draw(now_ms());
		fputc('\n', stderr);
	}
	bar.on = bar.visible = false;
	cmd_message_unlock();
}
