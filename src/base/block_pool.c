#include "base/block_pool.h"

#include <sys/mman.h>

void *block_pool_take(struct block_pool *pool)
{
    void *block;

    if (pool->spare_count > 0)
        return pool->spare[--pool->spare_count];
    block = mmap(NULL, BLOCK_POOL_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return block != MAP_FAILED ? block : NULL;
}

void block_pool_give(struct block_pool *pool, void *block)
{
    if (block == NULL)
        return;
    if (pool->spare_count < BLOCK_POOL_SPARE_MAX)
        pool->spare[pool->spare_count++] = block;
    else
        munmap(block, BLOCK_POOL_BYTES);
}

void block_pool_free(struct block_pool *pool)
{
    while (pool->spare_count > 0)
        munmap(pool->spare[--pool->spare_count], BLOCK_POOL_BYTES);
}
