#include "app/file/file_json.h"

#include "base/json_text.h"
#include "media/media_type.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { QUOTED_BYTES = 6 * 256 + 3 /* a name whose every byte is escaped */ };

bool file_json_add(struct buf *out, const struct file *file, struct err *err)
{
    char plain[MEDIA_TYPE_BYTES]; /* without a charset */
    char id[UUID_TEXT_BYTES], name[QUOTED_BYTES], type[QUOTED_BYTES], sha256[SHA256_HEX_BYTES], created[32];
    time_t seconds = (time_t)(file->created_at_ms / 1000);
    struct tm utc;

    uuid_format(&file->id, id);
    json_text_quote(name, sizeof name, file->name);
    snprintf(plain, sizeof plain, "%.*s", (int)strcspn(file->type, ";"), file->type);
    json_text_quote(type, sizeof type, plain);
    sha256_hex(file->sha256, sha256);
    if (gmtime_r(&seconds, &utc) == NULL || strftime(created, sizeof created, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
        return err_set(err, ERR_BUG, "no time for a file");
    return buf_printf(out,
                      "{\"id\":\"%s\",\"url\":\"/files/%s\",\"name\":%s,\"size\":%lld,\"type\":%s,\"sha256\":\"%s\","
                      "\"created_at\":\"%s\"}",
                      id, id, name, (long long)file->size, type, sha256, created) ||
           err_set(err, ERR_BUG, "answer is too long");
}
