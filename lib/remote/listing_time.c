// SPDX-License-Identifier: GPL-2.0-or-later
#include "remote/listing_time.h"

#include <stdbool.h>
#include <string.h>

struct date {
	struct tm tm;
	long nsec;
	long offset; /* seconds east of UTC */
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

/* Exactly `width` digits, between `low` and `high`. */
static const char *number(const char *text, int width, int low, int high,
			  int *out)
{
	int value = 0;

	for (; width; width--, text++) {
		if (!is_digit(*text))
			return NULL;
		value = 10 * value + *text - '0';
	}
	*out = value;
	return value >= low && value <= high ? text : NULL;
}

static const char *year(const char *text, struct tm *tm)
{
	text = number(text, 4, 1, 9999, &tm->tm_year);
	tm->tm_year -= 1900;
	return text;
}

static const char *month(const char *text, struct tm *tm)
{
	text = number(text, 2, 1, 12, &tm->tm_mon);
	tm->tm_mon--;
	return text;
}

static const char *month_name(const char *text, struct tm *tm)
{
	static const char names[12][4] = {
		"Jan", "Feb", "Mar", "Apr", "May", "Jun",
		"Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
	};

	for (tm->tm_mon = 0; tm->tm_mon < 12; tm->tm_mon++)
		if (strncmp(text, names[tm->tm_mon], 3) == 0)
			return text + 3;
	return NULL;
}

static const char *weekday_name(const char *text)
{
	for (int i = 0; i < 3; i++)
		if (!is_letter(text[i]))
			return NULL;
	return text + 3;
}

/* Digits beyond the nanosecond are cut off. */
static const char *fraction(const char *text, long *nsec)
{
	long unit = 100000000;

	if (*text != '.' || !is_digit(text[1]))
		return text;
	for (text++; is_digit(*text); text++, unit /= 10)
		*nsec += (*text - '0') * unit;
	return text;
}

static const char *offset(const char *text, long *out)
{
	int sign = *text == '-' ? -1 : 1, hours, minutes;

	if (*text == 'Z')
		return text + 1;
	if (strncmp(text, "GMT", 3) == 0)
		return text + 3;
	if (*text != '+' && *text != '-')
		return NULL;
	text = number(text + 1, 2, 0, 23, &hours);
	if (text && *text == ':')
		text++;
	if (text)
		text = number(text, 2, 0, 59, &minutes);
	if (text)
		*out = sign * (hours * 3600L + minutes * 60L);
	return text;
}

static const char *field(const char *text, char kind, struct date *date)
{
	switch (kind) {
	case 'Y':
		return year(text, &date->tm);
	case 'm':
		return month(text, &date->tm);
	case 'b':
		return month_name(text, &date->tm);
	case 'a':
		return weekday_name(text);
	case 'd':
		return number(text, 2, 1, 31, &date->tm.tm_mday);
	case 'H':
		return number(text, 2, 0, 23, &date->tm.tm_hour);
	case 'M':
		return number(text, 2, 0, 59, &date->tm.tm_min);
	case 'S':
		return number(text, 2, 0, 60, &date->tm.tm_sec);
	case 'n':
		return fraction(text, &date->nsec);
	case 'z':
		return offset(text, &date->offset);
	default:
		return *text == kind ? text + 1 : NULL;
	}
}

const char *hsm_listing_time(const char *text, const char *format,
			     struct timespec *out)
{
	struct date date = { 0 };

	for (; text && *format; format++)
		text = field(text, *format, &date);
	if (!text)
		return NULL;
	out->tv_sec = timegm(&date.tm) - date.offset;
	out->tv_nsec = date.nsec;
	return text;
}
