# Builds the extension against the server that PG_CONFIG names:
#   make                 the module, and its LLVM bitcode where the server uses it
#   make install
#   make installcheck    pg_regress against a cluster of its own, with the stand-in for the Bank beside it
#                        (as an unprivileged user, after the installation)
# CMakeLists.txt builds the same module, and the core's own tests.
MODULE_big = cbr
EXTENSION  = cbr
CBR_VERSION = $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" cbr.control)
DATA       = $(wildcard sql/cbr--*.sql)
SOURCES    = $(sort $(wildcard src/*.cpp src/core/*.cpp src/pg/*.cpp))
OWN_HEADERS = $(wildcard src/core/*.h src/pg/*.h)
OBJS       = $(SOURCES:.cpp=.o)

# Objects first, then each function, then what holds for all of them.
REGRESS = install version parse_daily daily fetch load currencies backfill history convert schedule errors settings privileges \
          old_script schema encodings
# psql runs below the stand-in for the Bank, which tells it its URL; nothing of the machine is used but the binaries.
REGRESS_OPTS = --inputdir=. --temp-instance=tmp_check --temp-config=test/regress/postgresql.conf --no-locale \
               --encoding=UTF8 --launcher=test/regress/launch $(REGRESS_EXTRA)

PG_CONFIG ?= pg_config
XML2_CFLAGS := $(shell pkg-config --cflags libxml-2.0)
# Named as a system directory, the server's headers give no warnings; the compiler then passes over PGXS's -I of it.
PG_CPPFLAGS = -Isrc -isystem $(shell $(PG_CONFIG) --includedir-server) $(XML2_CFLAGS) -DCBR_VERSION='"$(CBR_VERSION)"'
PG_CXXFLAGS = -std=gnu++17 -Wall -Wextra $(WERROR) $(SANITIZE)
SHLIB_LINK  = $(SANITIZE) $(shell pkg-config --libs libcurl libxml-2.0) -lstdc++
# Only what the server looks up leaves the module; C++ symbols of two extensions must never meet.
ifeq ($(shell uname -s), Linux)
SHLIB_LINK += -Wl,--version-script=src/exports.map
endif
EXTRA_CLEAN = tmp_check results regression.diffs regression.out

PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

COMPILE.cxx.bc += $(PG_CXXFLAGS)
$(OBJS) $(OBJS:.o=.bc): $(OWN_HEADERS) cbr.control
cbr.so: src/exports.map
