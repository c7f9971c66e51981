#include "base/queue.h"

#include "base/mem.h"

void queue_init(Queue *q, size_t slots_max)
{
    must(slots_max > 0);
    mutex_init(&q->mutex, RANK_LEAF);
    q->slots = mem_alloc(slots_max * sizeof *q->slots);
    q->head = q->count = 0;
    q->slots_max = slots_max;
}

void queue_free(Queue *q)
{
    must(q->count == 0);
    mem_free(q->slots);
    q->slots = NULL;
    mutex_destroy(&q->mutex);
}

bool queue_push(Queue *q, void *item)
{
    must(item != NULL);
    mutex_lock(&q->mutex);
    bool room = q->count < q->slots_max;
    if (room) {
        q->slots[(q->head + q->count) % q->slots_max] = item;
        q->count++;
    }
    mutex_unlock(&q->mutex);
    return room;
}

void *queue_pop(Queue *q)
{
    void *item = NULL;
    mutex_lock(&q->mutex);
    if (q->count > 0) {
        item = q->slots[q->head];
        q->head = (q->head + 1) % q->slots_max;
        q->count--;
    }
    mutex_unlock(&q->mutex);
    return item;
}

size_t queue_count(Queue *q)
{
    mutex_lock(&q->mutex);
    size_t count = q->count;
    mutex_unlock(&q->mutex);
    return count;
}
