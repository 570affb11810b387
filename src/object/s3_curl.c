#include "object/s3_curl.h"

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

/* Its soname since 2006. Code that was compiled with libcurl's headers needs this version of the library. */
#define LIBCURL "libcurl.so.4"

bool s3_curl_load(struct libcurl *lib, struct err *err)
{
    static const struct {
        const char *name;
        size_t at;
    } functions[] = {
#define ROW(name) {"curl_" #name, offsetof(struct libcurl, name)},
        LIBCURL_FUNCTIONS(ROW)
#undef ROW
    };
    void *library = dlopen(LIBCURL, RTLD_NOW);

    for (size_t i = 0; library != NULL && i < sizeof functions / sizeof functions[0]; i++) {
        void *function = dlsym(library, functions[i].name);

        if (function == NULL)
            return err_set(err, ERR_BUG, "%s has no %s; mayfly needs libcurl 7.84 or later", LIBCURL,
                           functions[i].name);
        memcpy((char *)lib + functions[i].at, &function, sizeof function);
    }
    return library != NULL || err_set(err, ERR_BUG, "%s; install libcurl", dlerror());
}
