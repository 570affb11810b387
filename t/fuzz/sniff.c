/* Whatever the bytes are: a type of the grammar, and nothing that runs is shown inline. */
#include "fuzz.h"
#include "media/media_type.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char again[MEDIA_TYPE_BYTES], claimed[MEDIA_TYPE_BYTES], *copy = exact(data, size);
    const char *type = media_type_known(copy, size), *settled;
    bool contradicted;
    static const char *const claims[] = {"text/html",
                                         "image/svg+xml",
                                         "image/png",
                                         "text/plain",
                                         "text/csv",
                                         "application/xhtml+xml",
                                         "application/javascript",
                                         "text/javascript"};

    if (type == NULL)
        type = "application/octet-stream"; /* libmagic is asked in a child without rights: t/0175 */
    media_type_normalise(type, again);
    CHECK(strcmp(type, again) == 0);
    for (size_t i = 0; i < sizeof claims / sizeof claims[0]; i++) {
        media_type_normalise(claims[i], claimed);
        settled = media_type_settle(claimed, type, &contradicted);
        CHECK(settled == claimed || settled == type);
        if (media_type_inline(settled))
            CHECK(strcmp(settled, "text/html") != 0 && strcmp(settled, "image/svg+xml") != 0 &&
                  strstr(settled, "xml") == NULL && strstr(settled, "script") == NULL);
    }
    free(copy);
    return 0;
}
