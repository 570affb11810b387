#include "app/account/cookie.h"

#include <stdio.h>

/* Cookies of one host, whatever the settings say: those that belong to a site. */
static bool is_bound(enum cookie cookie)
{
    return cookie == COOKIE_VISIT || cookie == COOKIE_WAY;
}

const char *cookie_name(const struct config *config, enum cookie cookie)
{
    static const char *const plain[] = {[COOKIE_SESSION] = "mayfly",
                                        [COOKIE_DEVICE] = "mayfly-device",
                                        [COOKIE_VISIT] = "mayfly",
                                        [COOKIE_WAY] = "mayfly-visit"};
    static const char *const shared[] = {
        [COOKIE_SESSION] = "__Secure-mayfly", [COOKIE_DEVICE] = "__Secure-mayfly-device"};
    static const char *const bound[] = {[COOKIE_SESSION] = "__Host-mayfly",
                                        [COOKIE_DEVICE] = "__Host-mayfly-device",
                                        [COOKIE_VISIT] = "__Host-mayfly",
                                        [COOKIE_WAY] = "__Host-mayfly-visit"};

    if (!config->cookie_secure)
        return plain[cookie];
    return config->cookie_domain[0] != '\0' && !is_bound(cookie) ? shared[cookie] : bound[cookie];
}

static bool write_cookie(const struct config *config, struct response *response, enum cookie cookie, const char *value,
                         const char *age, struct err *err)
{
    char text[CONFIG_TEXT_BYTES + 256];
    const char *domain = is_bound(cookie) ? "" : config->cookie_domain;
    int length =
        snprintf(text, sizeof text, "%s=%s; Path=/; HttpOnly; SameSite=Lax%s%s%s%s", cookie_name(config, cookie), value,
                 config->cookie_secure ? "; Secure" : "", domain[0] != '\0' ? "; Domain=" : "", domain, age);

    if (length < 0 || (size_t)length >= sizeof text)
        return err_set(err, ERR_BUG, "cookie is too long");
    return response_header(response, "Set-Cookie", text, err);
}

bool cookie_set(const struct config *config, struct response *response, enum cookie cookie, const char *value,
                int64_t max_age_s, struct err *err)
{
    char age[40] = "";

    if (max_age_s > 0)
        snprintf(age, sizeof age, "; Max-Age=%lld", (long long)max_age_s);
    return write_cookie(config, response, cookie, value, age, err);
}

bool cookie_clear(const struct config *config, struct response *response, enum cookie cookie, struct err *err)
{
    return write_cookie(config, response, cookie, "", "; Max-Age=0", err);
}
