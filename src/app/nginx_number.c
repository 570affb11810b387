#include "app/nginx_number.h"

#include "base/decimal.h"

int64_t nginx_number(const struct request *request)
{
    const char *at = request->nginx;
    int64_t lowest = INT64_MAX, number;

    while (decimal_take(&at, &number)) {
        lowest = number < lowest ? number : lowest;
        if (*at == '\0')
            return lowest;
        if (*at++ != ':')
            break;
    }
    return 0;
}

void nginx_number_check(struct services *services, const struct request *request)
{
    int64_t found;

    if (services->nginx_told || (found = nginx_number(request)) >= NGINX_NUMBER)
        return;
    services->nginx_told = true;
    LOG_EVENT(&services->log, LOG_WARN, "old_nginx_files", LOG_NUMBER("found", found),
              LOG_NUMBER("needed", NGINX_NUMBER), LOG_TEXT("command", NGINX_UPDATE));
}
