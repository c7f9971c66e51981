/* tests/unit/life_random.h - a life of random steps in a LifeWorld, repeatable by its seed.
 *
 * LIFE_ENV "_SEED=n" runs one seed, "_STEPS=n" as many steps, "_TRACE=1" prints each statement. */
#ifndef SKULK_TESTS_LIFE_RANDOM_H
#define SKULK_TESTS_LIFE_RANDOM_H

#include "life_world.h"

typedef struct Life {
    LifeWorld w;
    int seed, step;
    int asked, answered;
} Life;

static inline void sql(Life *l, const char *format, ...) __attribute__((format(printf, 2, 3)));
static inline void sql(Life *l, const char *format, ...)
{
    char text[4096];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (getenv(LIFE_ENV "_TRACE"))
        fprintf(stderr, "%d: %s\n", l->step, text);
    ck_assert_msg(life_try(&l->w, text), "seed %d, step %d: %s: %s", l->seed, l->step, text,
                  l->w.err.message);
}

static inline int any(int n)
{
    return rand() % n;
}

static inline Life *life_random_new(int seed)
{
    const char *one = getenv(LIFE_ENV "_SEED");
    Life *l = mem_zero(sizeof *l);
    l->seed = one ? atoi(one) : seed;
    srand((unsigned)l->seed);
    life_init(&l->w, (uint64_t)l->seed);
    return l;
}

static inline void life_random_free(Life *l)
{
    life_end(&l->w);
    mem_free(l);
}

static inline int life_steps(int few)
{
    const char *steps = getenv(LIFE_ENV "_STEPS");
    return steps ? atoi(steps) : few;
}

static inline int life_seeds(int some)
{
    return getenv(LIFE_ENV "_SEED") ? 1 : some;
}

#endif
