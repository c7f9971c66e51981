# Programs of tests/sim.
sim_tests = tests/sim/sim_engine tests/sim/sim_life
tests_sim_sim_engine_SOURCES = tests/sim/sim_engine.c tests/sim/sim_io.c tests/sim/sim_io.h \
	tests/unit/engine_model.h tests/unit/rows_model.h
tests_sim_sim_engine_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/unit
tests_sim_sim_engine_LDADD = $(SK_STORAGE) $(UNIT_LIBS)
tests_sim_sim_life_SOURCES = tests/sim/sim_life.c tests/sim/sim_io.c tests/sim/sim_io.h \
	tests/unit/life_world.h
tests_sim_sim_life_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/unit
tests_sim_sim_life_LDADD = $(SK_LIFECYCLE) $(UNIT_LIBS)
check_PROGRAMS += $(sim_tests)
TESTS += $(sim_tests)

# Many lives: make sim, make sim SIM_SEEDS=100000 SIM_FIRST=500 (a seed that fails is printed).
SIM_SEEDS = 10000
SIM_FIRST = 1
sim: $(sim_tests)
	SKULK_SIM_SEEDS=$(SIM_SEEDS) SKULK_SIM_FIRST=$(SIM_FIRST) $(builddir)/tests/sim/sim_engine
	SKULK_SIM_SEEDS=$(SIM_SEEDS) SKULK_SIM_FIRST=$(SIM_FIRST) $(builddir)/tests/sim/sim_life
.PHONY: sim
