#include "http/date.h"

#include <string.h>
#include <time.h>

/* strftime(3) and strptime(3) use English names, since mayfly never calls setlocale(3), which t/9000 checks. */
static const int64_t first_s = -62135596800, last_s = 253402300799;

void date_format(int64_t time_ms, char text[DATE_BYTES])
{
    int64_t whole_s = time_ms / 1000 - (time_ms % 1000 < 0);
    time_t seconds = whole_s < first_s ? first_s : whole_s > last_s ? last_s : whole_s;
    struct tm utc;

    gmtime_r(&seconds, &utc);
    strftime(text, DATE_BYTES, "%a, %d %b %4Y %H:%M:%S GMT", &utc);
}

bool date_read(const char *text, int64_t *time_ms)
{
    static const char *const forms[] = {
        "%a, %d %b %Y %H:%M:%S GMT", /* IMF-fixdate: Sun, 06 Nov 1994 08:49:37 GMT */
        "%A, %d-%b-%y %H:%M:%S GMT", /* RFC 850: Sunday, 06-Nov-94 08:49:37 GMT */
        "%a %b %e %H:%M:%S %Y",      /* asctime: Sun Nov  6 08:49:37 1994 */
    };

    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        struct tm utc = {.tm_mday = 1};
        const char *end = strptime(text, forms[i], &utc);

        if (end == NULL || *end != '\0')
            continue;
        *time_ms = (int64_t)timegm(&utc) * 1000;
        return true;
    }
    return false;
}
