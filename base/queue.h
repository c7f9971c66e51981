/* base/queue.h - a bounded queue of pointers between threads.
 * Many producers, many consumers; push fails (does not wait) when full.
 * Threads: all. */
#ifndef SKULK_BASE_QUEUE_H
#define SKULK_BASE_QUEUE_H

#include "base/sync.h"

typedef struct Queue {
    Mutex mutex;
    void **slots; /* these need the mutex */
    size_t head, count, slots_max;
} Queue;

void queue_init(Queue *q, size_t slots_max);
void queue_free(Queue *q);                        /* must be empty */
bool queue_push(Queue *q, void *item) MUST_CHECK; /* false: full */
void *queue_pop(Queue *q);                        /* NULL: empty */
size_t queue_count(Queue *q);

#endif
