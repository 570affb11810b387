#include "app/file/file_name.h"

#include <string.h>

bool file_name_read(const char *name, char safe[DISPOSITION_NAME_BYTES], struct err *err)
{
    size_t length = strlen(name);

    if (length >= DISPOSITION_NAME_BYTES)
        return err_field(err, ERR_VALUE, "name", "name: at most %d bytes of UTF-8", DISPOSITION_NAME_BYTES - 1);
    disposition_name(name, length, safe);
    return true;
}
