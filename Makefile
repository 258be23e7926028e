# SPDX-License-Identifier: GPL-2.0-or-later
# hsm: `make`, `make check`, `sudo make demo`; CONTRIBUTING.md has the map.

PREFIX ?= /usr/local
BINDIR = $(DESTDIR)$(PREFIX)/bin
MANDIR = $(DESTDIR)$(PREFIX)/share/man
BUILD ?= build
CC ?= gcc
PKGS = libcurl libxml-2.0 yajl popt
CFLAGS ?= -O2 -g
WARN = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wpointer-arith -Wwrite-strings -Wvla
ALL_CFLAGS = -std=gnu11 $(WARN) -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -Ilib \
	-pthread $(shell pkg-config --cflags $(PKGS)) $(CFLAGS) \
	$(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer)
LIBS = $(shell pkg-config --libs $(PKGS)) -lattr -lm

COMMANDS = $(patsubst cmd/%.c,%,$(wildcard cmd/hsm-*.c))
LIB_OBJS = $(patsubst %.c,$(BUILD)/%.o,$(wildcard lib/*.c lib/*/*.c))
CMD_OBJS = $(patsubst %.c,$(BUILD)/%.o,$(filter-out cmd/hsm-%,$(wildcard cmd/*.c)))
UNIT = $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/*.c))

all: $(addprefix $(BUILD)/,$(COMMANDS))

$(addprefix $(BUILD)/,$(COMMANDS)): $(BUILD)/%: $(BUILD)/cmd/%.o $(CMD_OBJS) $(BUILD)/libhsm.a
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/libhsm.a: $(LIB_OBJS)
	rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/tests/%: tests/unit/%.c $(BUILD)/libhsm.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -o $@ $< $(BUILD)/libhsm.a $(LIBS) -lcmocka

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

unit: $(UNIT)
clean:
	rm -rf $(BUILD)

.PHONY: all unit clean
