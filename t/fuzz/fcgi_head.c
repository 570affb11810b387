/* The first bytes of a connection, as they come: COMPLETE and BAD stay so whatever follows, and say the same. */
#include "fcgi/head.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fcgi_head_facts facts, again;
    enum fcgi_head whole;
    size_t step;
    char *copy;

    if (size < 2)
        return 0;
    step = (size_t)data[0] + 1;
    data++;
    size--;
    copy = exact(data, size);
    whole = fcgi_head_check((unsigned char *)copy, size, &facts);
    free(copy);
    for (size_t cut = 0; cut <= size; cut += step) {
        enum fcgi_head part;

        copy = exact(data, cut);
        part = fcgi_head_check((unsigned char *)copy, cut, &again);
        free(copy);
        if (part == FCGI_HEAD_COMPLETE)
            CHECK(whole == FCGI_HEAD_COMPLETE && again.length == facts.length && again.id == facts.id &&
                  again.in_turns == facts.in_turns && again.keep == facts.keep);
        if (part == FCGI_HEAD_BAD)
            CHECK(whole == FCGI_HEAD_BAD);
    }
    if (whole == FCGI_HEAD_COMPLETE)
        CHECK(facts.length <= size && facts.length <= FCGI_HEAD_MAX_BYTES && facts.id != 0);
    return 0;
}
