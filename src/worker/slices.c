#include "worker/slices.h"

#include <stdlib.h>
#include <string.h>

/* As much as usually arrives in one turn (fcgi/request.c). */
enum { USUAL_BYTES = 320 * 1024 };

void slices_begin(struct slices *slices, struct slices *spare)
{
    *slices = *spare;
    slices->length = 0;
    slices->lost = false;
    *spare = (struct slices){.bytes = NULL};
}

void slices_add(void *arg, const void *bytes, size_t length)
{
    struct slices *slices = arg;
    size_t wanted = slices->length + length;

    if (wanted > slices->size) {
        size_t size = wanted <= USUAL_BYTES ? USUAL_BYTES : 2 * wanted;
        unsigned char *larger = slices->lost ? NULL : realloc(slices->bytes, size);

        slices->lost = larger == NULL;
        if (slices->lost)
            return;
        slices->bytes = larger;
        slices->size = size;
    }
    memcpy(slices->bytes + slices->length, bytes, length);
    slices->length = wanted;
}

/* Nothing is kept when another turn has given its memory back meanwhile, or when it is unusually large. */
void slices_end(struct slices *slices, struct slices *spare)
{
    if (spare->bytes == NULL && slices->size == USUAL_BYTES)
        *spare = *slices;
    else
        free(slices->bytes);
}
