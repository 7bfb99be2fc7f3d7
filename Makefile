# The front door. The build itself is Meson's and Ninja's (meson.build); this file knows the
# few commands that people type, and the build directories that they lead to.
#
#: make               build: build/libthrum.so, build/libthrum.a, build/findrobots
#: make demo          install what is missing, build, and show findrobots at work
#: make demo LOGS=dir the same over your own logs
#: make check         build, and run all tests
#: make check-asan    the tests under AddressSanitizer and UBSan, in build-asan
#: make check-tsan    the tests under ThreadSanitizer, in build-tsan
#: make check-sim     seeded runs on a simulated machine, in build-sim; SECONDS_EACH=2 a scenario
#: make check-model   the kernels under C11's memory model, in build-model; RUNS=5000 a scenario
#: make check-aarch64 the library cross-compiled, and the tests of what depends on the machine, in qemu
#: make bench         build in build-bench, and run the benchmarks beside their peers
#: make install       install what is built (PREFIX, default /usr/local; DESTDIR)
#: make uninstall     remove it again (same PREFIX and DESTDIR)
#: make format        lay out the C sources; format-check only looks
#: make clean         remove the build directories
#:
#: CC=clang chooses the compiler, MESON_ARGS=... gives options to meson,
#: TEST_ARGS=... to meson test (TEST_ARGS='--suite queue').
#: What all this needs, scripts/setup installs on a Debian 12.

PREFIX = /usr/local
# Not Debian's lib/x86_64-linux-gnu, so that everybody knows where thrum.pc is: PREFIX/lib/pkgconfig.
# Debian's own pkg-config and loader look into /usr/local/lib as well.
LIBDIR = lib
DESTDIR =
destdir = $(abspath $(DESTDIR))
BUILD = build
LOGS =
MESON_ARGS =
TEST_ARGS =

# A compiler that was chosen has sanitizer builds of its own: build-asan-clang.
ifneq ($(origin CC),default)
export CC
of_cc := -$(notdir $(firstword $(CC)))
endif

# Ninja uses all CPUs already, and two of it must not meet in one directory.
.NOTPARALLEL:
.PHONY: all demo check check-asan check-tsan check-sim check-model check-aarch64 bench install uninstall \
    format format-check clean help

all:
	@scripts/configure '$(BUILD)' '$(PREFIX)' --libdir='$(LIBDIR)' $(MESON_ARGS)
	@ninja -C '$(BUILD)'
	@for file in $(outputs); do \
	    if [ -e '$(BUILD)'/$$file ]; then ln -sfn $$file '$(BUILD)'/$${file##*/} || exit; fi; done

# Meson leaves these in folders of its own; the loader wants the one with the number.
outputs = src/libthrum.so src/libthrum.so.0 src/libthrum.a examples/findrobots/findrobots

demo:
	@scripts/setup
	@$(MAKE) --no-print-directory all
	@scripts/demo '$(BUILD)' '$(LOGS)'

check:
	@scripts/setup --check
	@$(MAKE) --no-print-directory all
	@scripts/check '$(BUILD)' $(TEST_ARGS)

# b_lundef: what clang's sanitizers need is linked into programs only.
sanitized = $(MAKE) --no-print-directory check BUILD='$(1)$(of_cc)' \
    MESON_ARGS='-Db_sanitize=$(2) -Db_lundef=false -Dbuildtype=debugoptimized -Dman=disabled $(MESON_ARGS)'
asan = address,undefined
check-asan:
	@$(call sanitized,build-asan,$(asan))
check-tsan:
	@$(call sanitized,build-tsan,thread)

SECONDS_EACH = 2
check-sim:
	@$(MAKE) --no-print-directory check BUILD='build-sim$(of_cc)' \
	    MESON_ARGS='-Dsim=true -Dsim_seconds=$(SECONDS_EACH) -Dman=disabled $(MESON_ARGS)'

RUNS = 5000
check-model:
	@$(MAKE) --no-print-directory check BUILD=build-model TEST_ARGS='--suite model' \
	    MESON_ARGS='-Dmodel_runs=$(RUNS) -Dexamples=false -Dman=disabled $(MESON_ARGS)'

check-aarch64:
	@$(MAKE) --no-print-directory check BUILD=build-aarch64 MESON_ARGS='--cross-file=tests/cross/aarch64.ini \
	    -Dexamples=false -Dman=disabled $(MESON_ARGS)'

bench:
	@$(MAKE) --no-print-directory all BUILD=build-bench \
	    MESON_ARGS='-Dbench=true -Dtests=false -Dman=disabled $(MESON_ARGS)'
	@bench/run build-bench

# Installed is what was built. Whoever the build belongs to has it brought up to date first;
# anybody else, like root behind sudo, compiles nothing in another's directory.
install:
	@if [ ! -e '$(BUILD)' ] || [ -O '$(BUILD)' ]; then \
	    $(MAKE) --no-print-directory all; \
	elif [ "$$(sed -n 2p '$(BUILD)/configured')" != '$(PREFIX)' ]; then \
	    echo "make: $(BUILD) was built for another PREFIX; as its owner, run: make PREFIX=$(PREFIX)" >&2; exit 1; fi
	@meson install -C '$(BUILD)' --no-rebuild --quiet --destdir '$(destdir)'
	@chown --reference='$(BUILD)' '$(BUILD)/meson-logs/install-log.txt'
	@if [ -z '$(destdir)' ] && [ "$$(id -u)" = 0 ]; then ldconfig; fi
	@echo 'installed in $(destdir)$(PREFIX)'

# What an installation puts where is seen by making one in an empty place.
uninstall:
	@if [ "$$(sed -n 2p '$(BUILD)/configured' 2>/dev/null)" != '$(PREFIX)' ]; then \
	    echo 'make: $(BUILD) was not built for $(PREFIX); run: make PREFIX=$(PREFIX)' >&2; exit 1; fi
	@place=$$(mktemp -d) && trap 'rm -rf "$$place"' EXIT && \
	meson install -C '$(BUILD)' --no-rebuild --quiet --destdir "$$place" && \
	chown --reference='$(BUILD)' '$(BUILD)/meson-logs/install-log.txt' && \
	(cd "$$place" && find . ! -type d) | while read -r file; do rm -f '$(destdir)'/"$$file"; done && \
	(cd "$$place" && find . -depth -type d -name thrum) | while read -r folder; do \
	    if [ -d '$(destdir)'/"$$folder" ]; then rmdir --ignore-fail-on-non-empty '$(destdir)'/"$$folder"; fi; done
	@echo 'removed from $(destdir)$(PREFIX)'

CLANG_FORMAT = $(shell command -v clang-format-14 || echo clang-format)
formatted = find include src examples tests bench -name '*.[ch]' -o -name '*.cc'
format:
	@$(formatted) | xargs $(CLANG_FORMAT) -i
format-check:
	@$(CLANG_FORMAT) --version >/dev/null && status=0 && for file in $$($(formatted)); do \
	    $(CLANG_FORMAT) "$$file" | cmp -s - "$$file" || \
	        { echo "laid out otherwise than by make format: $$file"; status=1; }; \
	done && exit $$status

clean:
	@rm -rf build build-clang build-asan build-asan-* build-tsan build-tsan-* build-sim build-sim-* build-model \
	    build-aarch64 build-bench

help:
	@sed -n 's/^#: \{0,1\}//p' Makefile
