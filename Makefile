# SPDX-License-Identifier: GPL-2.0-or-later
# hsm: `make`, `sudo make demo`, `sudo make check`; CONTRIBUTING.md has the map.
#
#   make deps            install what building and testing need
#   make install         DESTDIR=, PREFIX=/usr/local; and `make uninstall`
#   make fuzz            feed the parsers; FUZZ_SECONDS=30 for each
#   make bench           measure against other ways to read the same files
#   SANITIZE=address,undefined   with these; in a build directory of its own
#   WERROR=1             warnings are errors

PREFIX ?= /usr/local
comma := ,
BUILD ?= build$(if $(SANITIZE),-$(subst $(comma),-,$(SANITIZE)))
PKGS = libcurl libxml-2.0 yajl popt libarchive
CFLAGS ?= -O2 -g
WARN = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wpointer-arith -Wwrite-strings -Wvla $(if $(WERROR),-Werror)
# As shared libraries the two of gcc disagree about where a report goes.
STATIC_SANITIZER = $(if $(findstring undefined,$(SANITIZE)), \
	$(if $(findstring clang,$(CC)),,-static-libasan -static-libubsan))
ALL_CFLAGS = -std=gnu11 $(WARN) -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -Ilib \
	-pthread $(shell pkg-config --cflags $(PKGS)) $(CFLAGS) \
	$(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer $(STATIC_SANITIZER))
LIBS = $(shell pkg-config --libs $(PKGS)) -lattr -lm

COMMANDS = $(patsubst cmd/%.c,%,$(wildcard cmd/hsm-*.c))
PROGRAMS = $(addprefix $(BUILD)/,$(COMMANDS))
LIB_OBJS = $(patsubst %.c,$(BUILD)/%.o,$(wildcard lib/*.c lib/*/*.c))
CMD_OBJS = $(patsubst %.c,$(BUILD)/%.o,$(filter-out cmd/hsm-%,$(wildcard cmd/*.c)))
UNIT = $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/*.c))
TOOLS = $(patsubst %.c,$(BUILD)/%,$(wildcard tests/tools/*.c))
PRELOADS = $(patsubst %.c,$(BUILD)/%.so,$(wildcard tests/preload/*.c))
FUZZERS = $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/*.c))

all: $(PROGRAMS)

$(PROGRAMS): $(BUILD)/%: $(BUILD)/cmd/%.o $(CMD_OBJS) $(BUILD)/libhsm.a
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/libhsm.a: $(LIB_OBJS)
	rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(UNIT): $(BUILD)/tests/%: tests/unit/%.c $(BUILD)/libhsm.a Makefile
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -MMD -MP -o $@ $< $(BUILD)/libhsm.a $(LIBS) -lcmocka

$(TOOLS): $(BUILD)/%: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -MMD -MP -o $@ $<

$(PRELOADS): $(BUILD)/%.so: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -fPIC -shared -MMD -MP -o $@ $<

$(FUZZERS): $(BUILD)/fuzz/%: tests/fuzz/%.c $(BUILD)/libhsm.a Makefile
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -fsanitize=fuzzer $(LDFLAGS) -MMD -MP -o $@ $< $(BUILD)/libhsm.a $(LIBS)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

tests: $(UNIT) $(TOOLS) $(PRELOADS)
fuzzers: $(FUZZERS)

# What goes where below PREFIX; install and uninstall read the same lines.
PLACES = bin share/man/man7 share/man/man8 share/bash-completion/completions \
	share/zsh/site-functions share/fish/vendor_completions.d lib/systemd/system
FILES_bin = $(PROGRAMS)
FILES_share/man/man7 = $(wildcard man/*.7)
FILES_share/man/man8 = $(wildcard man/*.8)
FILES_share/bash-completion/completions = $(wildcard completions/bash/*)
FILES_share/zsh/site-functions = $(wildcard completions/zsh/*)
FILES_share/fish/vendor_completions.d = $(wildcard completions/fish/*)
FILES_lib/systemd/system = $(wildcard cmd/*.service)
TARGET = $(DESTDIR)$(PREFIX)

define install_place =
install -d $(TARGET)/$1
install -m $(if $(filter bin,$1),755,644) $(FILES_$1) $(TARGET)/$1

endef

install: all
	$(foreach place,$(PLACES),$(call install_place,$(place)))
	sed -i 's|/usr/local/bin/|$(PREFIX)/bin/|' $(TARGET)/lib/systemd/system/hsm-*.service

uninstall:
	rm -f $(foreach place,$(PLACES),$(addprefix $(TARGET)/$(place)/,$(notdir $(FILES_$(place)))))

# A make that runs after `deps`, on all cores; what root built with sudo is the
# user's afterwards.
define build =
$(MAKE) --no-print-directory $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))
endef
give_back = $(if $(SUDO_UID),@chown -R $(SUDO_UID):$(SUDO_GID) $(BUILD))

deps:
	@tests/deps

check: deps
	$(build) all tests
	$(give_back)
	@env -u MAKEFLAGS -u MAKELEVEL BUILD=$(BUILD) tests/run

# Both of clang: what it takes to know which way an input went, and the fuzzers.
fuzz: BUILD = build-fuzz
fuzz:
	@tests/deps fuzz
	$(build) -s BUILD=$(BUILD) CC=clang SANITIZE=fuzzer-no-link,address,undefined fuzzers
	$(give_back)
	@BUILD=$(BUILD) tests/fuzz/run

bench: deps
	$(build) all
	$(give_back)
	@BUILD=$(BUILD) tests/bench/run

demo:
	@tests/deps build
	$(build) -s all
	$(give_back)
	@BUILD=$(BUILD) tests/demo

clean:
	rm -rf $(BUILD)

.PHONY: all tests fuzzers fuzz install uninstall deps check bench demo clean
