#include "app/account/device_cookie.h"

#include "app/account/cookie.h"
#include "base/bytes.h"

#include <string.h>

enum { SIGNED_BYTES = 2 * UUID_BYTES, COOKIE_BYTES = SIGNED_BYTES + SECRET_MAC_BYTES };

static void sign(const struct exchange *x, size_t key, unsigned char cookie[COOKIE_BYTES], unsigned char *mac)
{
    secret_mac(&x->services->secret, key, "device cookie", cookie, SIGNED_BYTES, mac);
}

static bool is_signed(const struct exchange *x, unsigned char cookie[COOKIE_BYTES])
{
    unsigned char mac[SECRET_MAC_BYTES];
    bool fits = false;

    for (size_t key = 0; key < x->services->secret.count; key++) {
        sign(x, key, cookie, mac);
        fits = bytes_equal(mac, cookie + SIGNED_BYTES, SECRET_MAC_BYTES) || fits;
    }
    return fits;
}

static bool read_device(const struct exchange *x, const char *text, size_t length, struct device *device)
{
    unsigned char cookie[COOKIE_BYTES];

    if (!bytes_from_base64(text, length, cookie, sizeof cookie) || !is_signed(x, cookie))
        return false;
    memcpy(device->account.bytes, cookie, UUID_BYTES);
    memcpy(device->id.bytes, cookie + UUID_BYTES, UUID_BYTES);
    /*
     * Uses this host's clock, although times are the database's elsewhere: some seconds do not matter for this cookie.
     */
    return x->services->clock->now_ms() - uuid_ms(&device->id) < x->services->config.device_keep_s * 1000;
}

bool device_cookie_find(const struct exchange *x, const struct uuid *account, struct device *device)
{
    const char *name = cookie_name(&x->services->config, COOKIE_DEVICE), *text = NULL;
    size_t length;

    for (int i = 0; i < COOKIES_MAX && (text = request_cookie(&x->request, name, text, &length)) != NULL; i++)
        if (read_device(x, text, length, device) && account != NULL && uuid_equal(&device->account, account))
            return true;
    return false;
}

/* A form that comes from no browser and with no cookie is a script's, which keeps none. */
static bool is_kept(const struct request *request)
{
    return !request_has_type(request, "application/x-www-form-urlencoded") || request_wants_page(request) ||
           request->fetch_site[0] != '\0' || request->origin_header[0] != '\0' || request->cookie[0] != '\0';
}

bool device_cookie_give(struct exchange *x, const struct uuid *account, struct err *err)
{
    const struct config *config = &x->services->config;
    const struct uuid id = uuid_new(x->services->clock);
    unsigned char cookie[COOKIE_BYTES];
    char text[BASE64_TEXT_BYTES(COOKIE_BYTES)];

    if (config->device_keep_s == 0 || !is_kept(&x->request))
        return true;
    memcpy(cookie, account->bytes, UUID_BYTES);
    memcpy(cookie + UUID_BYTES, id.bytes, UUID_BYTES);
    sign(x, 0, cookie, cookie + SIGNED_BYTES);
    bytes_to_base64(cookie, sizeof cookie, text);
    return cookie_set(config, &x->response, COOKIE_DEVICE, text, config->device_keep_s, err);
}
